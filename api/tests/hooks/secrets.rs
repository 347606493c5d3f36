//! How callers prove themselves, and how secrets are changed.

use std::time::Duration;

use service::hooks::{self, Rotate, Verification};
use service::parts::secrets::SecretSetInput;
use service::sealed::Secret;
use service::viewer::{Permission, Permissions};
use service::{ServiceError, Viewer};

use crate::hooks::desk::{Desk, Sent};

const NEVER: Duration = Duration::ZERO;
const DAY: Duration = Duration::from_hours(24);

/// Called with a secret of the organization.
const NAMED: &str = "
workflow_id: named
trigger: { type: webhook, path: named, verify: { type: hmac_sha256, header: X-Signature, secret: SHOP_HOOKS } }
steps:
  - { id: done, type: action, action: { type: allow } }
";

#[tokio::test]
async fn a_signed_call_starts_something_once() {
    let desk = Desk::new().await;
    for (verification, path, id) in
        [(Verification::StandardWebhooks, "standard/orders", "msg_1"), (Verification::HmacSha256, "plain", "unused")]
    {
        let secret = desk.rotate(path, None, NEVER).await;
        assert!(secret.reveal().starts_with("whsec_"));
        let body = r#"{"amount":1}"#;
        let first = desk.send(desk.signed(verification, &secret, id, body)).await;
        assert_eq!(first.taken().0, 202, "{first:?}");
        let replayed = desk.send(desk.signed(verification, &secret, id, body)).await;
        assert_eq!(replayed.taken(), (200, first.taken().1), "{replayed:?}");
        let another = desk.send(desk.signed(verification, &secret, "msg_2", r#"{"amount":2}"#)).await;
        assert_eq!(another.taken().0, 202, "{another:?}");
    }
    assert_eq!(desk.executions().await, 4);
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_and_starts_nothing() {
    let desk = Desk::new().await;
    let secret = desk.rotate("standard/orders", None, NEVER).await;
    let signed = || desk.signed(Verification::StandardWebhooks, &secret, "msg_1", r#"{"amount":1}"#);
    let other = Secret::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let without = |name: &str| {
        let mut sent = signed();
        sent.headers.retain(|(known, _)| known != name);
        sent
    };
    let mut twice = signed();
    let signature = twice.headers.iter().find(|(name, _)| name == "webhook-signature").unwrap().clone();
    twice.headers.push(signature);
    let attacks = [
        ("no signature", Sent::new("/hooks/default/standard/orders", "{}")),
        ("another secret", desk.signed(Verification::StandardWebhooks, &other, "msg_1", r#"{"amount":1}"#)),
        ("another body", Sent { body: br#"{"amount":9}"#.to_vec(), ..signed() }),
        ("a space more", Sent { body: br#"{"amount":1} "#.to_vec(), ..signed() }),
        ("another id", signed().with("webhook-id", "msg_2")),
        ("another moment", signed().with("webhook-timestamp", "1790000001")),
        ("no moment", without("webhook-timestamp")),
        ("no id", without("webhook-id")),
        ("two signatures", twice),
        (
            "another scheme",
            desk.signed(Verification::HmacSha256, &secret, "", "{}").at("/hooks/default/standard/orders"),
        ),
        ("a hook without a secret", desk.signed(Verification::HmacSha256, &secret, "", "{}")),
        ("a hook without a secret, empty key", desk.signed(Verification::HmacSha256, &Secret::new(""), "", "{}")),
        ("the hook of another path", signed().at("/hooks/default/plain")),
    ];
    for (what, sent) in attacks {
        let told = desk.send(sent).await;
        assert_eq!(told.refusal(), (401, "UNAUTHENTICATED"), "{what}: {told:?}");
        assert!(!format!("{told:?}").contains(secret.reveal()), "{what}");
    }
    assert_eq!(desk.executions().await, 0);
    assert_eq!(desk.send(signed()).await.taken().0, 202, "as it is, it is good");
}

#[tokio::test]
async fn an_old_call_is_refused_although_its_signature_is_right() {
    let desk = Desk::new().await;
    let secret = desk.rotate("standard/orders", None, NEVER).await;
    let captured = desk.signed(Verification::StandardWebhooks, &secret, "msg_1", "{}");
    desk.clock.advance(Duration::from_secs(301));
    let told = desk.send(captured).await;
    assert_eq!(told.refusal(), (401, "UNAUTHENTICATED"), "{told:?}");
    // Within the tolerance the id is known: what is sent again starts nothing.
    let first = desk.send(desk.signed(Verification::StandardWebhooks, &secret, "msg_2", "{}")).await;
    let captured = desk.signed(Verification::StandardWebhooks, &secret, "msg_2", "{}");
    desk.clock.advance(Duration::from_secs(299));
    assert_eq!(desk.send(captured).await.taken(), (200, first.taken().1));
}

#[tokio::test]
async fn two_secrets_count_while_one_follows_the_other() {
    let desk = Desk::new().await;
    let old = desk.rotate("standard/orders", None, NEVER).await;
    let new = desk.rotate("standard/orders", None, DAY).await;
    let status = async |secret: &Secret, id: &str| {
        desk.send(desk.signed(Verification::StandardWebhooks, secret, id, "{}")).await.status.as_u16()
    };
    assert_eq!((status(&old, "msg_1").await, status(&new, "msg_2").await), (202, 202));
    desk.clock.advance(DAY);
    assert_eq!((status(&old, "msg_3").await, status(&new, "msg_4").await), (401, 202));
    // Whoever lost a secret lets it count no more.
    let last = desk.rotate("standard/orders", None, NEVER).await;
    assert_eq!((status(&new, "msg_5").await, status(&last, "msg_6").await), (401, 202));
}

#[tokio::test]
async fn a_secret_of_the_sender_is_taken_over_if_it_can_be_used() {
    let desk = Desk::new().await;
    let given = desk.rotate("plain", Some("it is a secret to everybody"), NEVER).await;
    let told = desk.send(desk.signed(Verification::HmacSha256, &given, "", r#"{"amount":3}"#)).await;
    assert_eq!(told.taken().0, 202, "{told:?}");
    let refused = async |path: &str, secret: Option<&str>, overlap: Duration| {
        let rotate = Rotate { hook: desk.hook(path, "POST").await, secret: secret.map(Secret::new), overlap };
        match hooks::rotate(&desk.services, &desk.owner, rotate).await {
            Err(ServiceError::Mistakes(mistakes)) => mistakes[0].field.clone(),
            other => panic!("{other:?}"),
        }
    };
    for (path, secret, overlap, field) in [
        ("plain", Some("short"), NEVER, "secret"),
        ("plain", Some("with a line\nbreak in it"), NEVER, "secret"),
        ("standard/orders", Some("it is a secret to everybody"), NEVER, "secret"),
        ("standard/orders", None, Duration::from_hours(31 * 24), "overlap"),
        ("open", None, NEVER, "id"),
    ] {
        assert_eq!(refused(path, secret, overlap).await, [field], "{path} {secret:?}");
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_stored_encrypted() {
    let desk = Desk::new().await;
    let secret = desk.rotate("plain", None, NEVER).await;
    let row = desk.services.store().hook_at(desk.owner.organization, "plain", "POST").await.unwrap().unwrap();
    let stored = row.secret.clone().unwrap();
    assert!(stored.starts_with("s1.") && !stored.contains(secret.reveal()));
    assert!(!format!("{row:?}").contains(&stored), "not even that is printed");
    // Moved to another hook it opens no more.
    let other = desk.hook("standard/orders", "POST").await;
    desk.services.store().set_hook_secret(desk.owner.organization, other, stored, None, 1).await.unwrap();
    let told = desk.send(desk.signed(Verification::StandardWebhooks, &secret, "msg_1", "{}")).await;
    assert_eq!(told.refusal(), (500, "INTERNAL"), "{told:?}");
}

#[tokio::test]
async fn whoever_may_not_edit_webhooks_or_reach_the_workflow_changes_no_secret() {
    let desk = Desk::new().await;
    let rotate = async |viewer: &Viewer| {
        let rotate = Rotate { hook: desk.hook("plain", "POST").await, secret: None, overlap: NEVER };
        hooks::rotate(&desk.services, viewer, rotate).await.unwrap_err().code().as_str()
    };
    let some: Permissions = [Permission::WorkflowWrite].into_iter().collect();
    assert_eq!(rotate(&Viewer { permissions: some, ..desk.owner.clone() }).await, "FORBIDDEN");
    let elsewhere = Viewer { folders: Some(vec!["sales".to_owned()].into()), ..desk.owner.clone() };
    assert_eq!(rotate(&elsewhere).await, "NOT_FOUND");
    assert_eq!(hooks::count(&desk.services, &elsewhere).await.unwrap(), (0, true));
    assert_eq!(hooks::count(&desk.services, &desk.owner).await.unwrap(), (5, true));
    let stranger = Viewer::owner(ids::OrganizationId::new());
    assert_eq!(rotate(&stranger).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_trigger_that_names_a_secret_of_the_organization_is_called_with_it() {
    let desk = Desk::new().await;
    desk.publish(NAMED).await.unwrap();
    let secret = Secret::new("a secret of the shop");
    let call = |secret: &Secret, body: &str| {
        desk.signed(Verification::HmacSha256, secret, "unused", body).at("/hooks/default/named")
    };
    let early = desk.send(call(&secret, r#"{"n":1}"#)).await;
    assert_eq!(early.refusal(), (401, "UNAUTHENTICATED"), "before the secret is set nobody can prove anything");
    let set = |secret: &Secret| SecretSetInput {
        name: "SHOP_HOOKS".to_owned(),
        value: Some(secret.clone()),
        description: None,
        allowed_hosts: None,
        rotate_at_ms: None,
        expected_revision: None,
    };
    let short = Secret::new("fifteen of them");
    service::parts::secrets::set(&desk.services, &desk.owner, set(&short)).await.unwrap();
    let guessed = desk.send(call(&short, r#"{"n":1}"#)).await;
    assert_eq!(guessed.refusal(), (401, "UNAUTHENTICATED"), "a secret that can be guessed proves nobody");
    service::parts::secrets::set(&desk.services, &desk.owner, set(&secret)).await.unwrap();
    assert_eq!(desk.send(call(&secret, r#"{"n":1}"#)).await.taken().0, 202);
    let other = desk.send(call(&Secret::new("another secret"), r#"{"n":2}"#)).await;
    assert_eq!(other.refusal(), (401, "UNAUTHENTICATED"));
    assert_eq!(desk.executions().await, 1);

    let hook = desk.hook("named", "POST").await;
    let rotated = hooks::rotate(&desk.services, &desk.owner, Rotate { hook, secret: None, overlap: NEVER }).await;
    let ServiceError::Mistakes(mistakes) = rotated.unwrap_err() else { panic!("it has no secret of its own") };
    assert_eq!(mistakes[0].code, service::Code::WrongState);
}
