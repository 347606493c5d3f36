//! Messages to people: through each channel, and when some of them cannot be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::machine::{EffectOutcome, EffectRequest, ErrorClass, Notification};
use serde_json::{Value, json};
use service::mail::Mailer;
use service::parts::{AuthenticationKind, Service, ServiceKind};

use crate::parts::{Known, effects, run, service, succeeded, try_once};
use crate::stub::{Stub, answer, header, json_answer};
use crate::{AMPLE, failed};

fn to(recipients: &[&str]) -> Notification {
    Notification {
        recipients: recipients.iter().map(|recipient| (*recipient).to_owned()).collect(),
        message: Some("Order o-1 is late".to_owned()),
        subject: None,
        channel: None,
        template: None,
        data: json!({ "order": "o-1" }),
        told: Vec::new(),
    }
}

fn chat(name: &str, url: &str, kind: AuthenticationKind) -> Service {
    let settings = json!({ "recipient_prefix": name });
    Service { kind: ServiceKind::Chat, ..service(name, url, kind, &settings) }
}

fn known() -> Known {
    Known::default().secret("KEY", "s3cr3t-value", &[])
}

fn body(seen: &str) -> Value {
    serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn each_channel_is_told_in_the_form_that_its_service_takes() {
    let stub = Stub::answering(|_| json_answer("{\"ok\":true,\"ts\":\"17.1\",\"id\":\"m-1\"}")).await;
    let known = known()
        .service(chat("slack", &stub.url("/slack"), AuthenticationKind::Bearer))
        .service(chat("pagerduty", &stub.url("/alert"), AuthenticationKind::Bearer))
        .service(chat("sms", &stub.url("/sms"), AuthenticationKind::ApiKey))
        .service(service("erp", &stub.url("/erp"), AuthenticationKind::Hmac, &json!({})));
    let message = to(&["slack:#ops", "pagerduty:payments", "webhook:erp", "sms:+491", "slack:#ops"]);
    let output = succeeded(run(&Arc::new(known), EffectRequest::Notify(message), &[]).await);
    assert_eq!(
        output,
        json!({
            "delivered": [
                { "recipient": "slack:#ops", "channel": "slack", "to": "2a1cb559d0a5da86", "id": "17.1" },
                { "recipient": "pagerduty:payments", "channel": "pagerduty", "to": "c53c6b081da8adb3" },
                { "recipient": "webhook:erp", "channel": "webhook", "to": "4b08be23fd5c76d5", "id": "m-1" },
                { "recipient": "sms:+491", "channel": "sms", "to": "e18dec7e310abde0", "id": "m-1" },
            ],
            "failed": [],
        })
    );
    let [slack, alert, erp, sms] = <[String; 4]>::try_from(stub.requests()).unwrap();
    assert_eq!(body(&slack), json!({ "channel": "#ops", "text": "Order o-1 is late" }));
    assert_eq!(header(&slack, "authorization"), Some("Bearer s3cr3t-value"));
    assert_eq!(header(&slack, "idempotency-key"), Some("exe_1/tell/0/0/0"));
    assert_eq!(body(&alert)["routing_key"], "s3cr3t-value");
    assert_eq!(body(&alert)["dedup_key"], "exe_1/tell/0/0/1");
    assert_eq!((header(&alert, "authorization"), header(&erp, "authorization")), (None, None));
    assert_eq!(body(&erp)["data"], json!({ "order": "o-1" }));
    assert_eq!(header(&erp, "webhook-id"), Some("exe_1/tell/0/0/2"));
    assert!(header(&erp, "webhook-signature").unwrap().starts_with("v1,"));
    assert_eq!(body(&sms), json!({ "to": "+491", "message": "Order o-1 is late" }));
    assert_eq!(header(&sms, "x-api-key"), Some("s3cr3t-value"));
}

#[tokio::test]
async fn members_and_roles_become_addresses_and_each_gets_one_mail() {
    let (mailer, mut mails) = Mailer::to_channel();
    let mut known = Known::default();
    known.addresses.insert("role:manager".into(), vec!["ada@example.com".into(), "bob@example.com".into()]);
    known.addresses.insert("user:usr_1".into(), vec!["Bob@example.com".into()]);
    let effects = effects(&Arc::new(known)).with_mailer(mailer);
    let message =
        Notification { subject: Some("Late".into()), ..to(&["role:manager", "user:usr_1", "eve@example.com"]) };
    let output = succeeded(try_once(&effects, EffectRequest::Notify(message), &[], AMPLE).await);
    assert_eq!(output["delivered"].as_array().unwrap().len(), 3, "{output}");
    let mut seen = Vec::new();
    while let Ok(mail) = mails.try_recv() {
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("Late", "Order o-1 is late\n"));
        seen.push(mail.to);
    }
    assert_eq!(seen, ["ada@example.com", "bob@example.com", "eve@example.com"]);
}

#[tokio::test]
async fn who_cannot_be_told_fails_the_action_and_a_retry_tells_nobody_twice() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let slack = Stub::answering(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => answer("503 Service Unavailable", "retry-after: 3\r\n", ""),
        _later => json_answer("{\"ok\":true}"),
    })
    .await;
    let (mailer, mut mails) = Mailer::to_channel();
    let known = Arc::new(known().service(chat("slack", &slack.url(""), AuthenticationKind::Bearer)));
    let effects = effects(&known).with_mailer(mailer);
    let message = || EffectRequest::Notify(to(&["ada@example.com", "slack:#ops", "bob@example.com"]));
    let error = failed(try_once(&effects, message(), &[], AMPLE).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("HTTP_STATUS", ErrorClass::Http(503)));
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    let detail = error.detail.unwrap();
    assert_eq!(detail["delivered"].as_array().unwrap().len(), 2, "those behind the failure are told: {detail}");
    assert_eq!(detail["failed"][0]["recipient"], "slack:#ops");

    let output = succeeded(try_once(&effects, message(), &[], AMPLE).await);
    assert_eq!(output["delivered"].as_array().unwrap().len(), 3);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let keys: Vec<_> = slack.requests().iter().map(|seen| header(seen, "idempotency-key").map(str::to_owned)).collect();
    assert_eq!(keys[0], keys[1], "the service can tell that it is the same message");
    let mut sent = 0;
    while mails.try_recv().is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn whom_another_worker_has_told_is_not_told_again() {
    let slack = Stub::answering(|_| answer("503 Service Unavailable", "", "")).await;
    let known = Arc::new(known().service(chat("slack", &slack.url(""), AuthenticationKind::Bearer)));
    let message = to(&["role:manager", "slack:#ops"]);
    let (mailer, mut mails) = Mailer::to_channel();
    let worker = |people: &[&str], mailer: Mailer| {
        let people = people.iter().map(|name| format!("{name}@example.com")).collect();
        let known = Known {
            services: known.services.clone(),
            secrets: known.secrets.clone(),
            addresses: [("role:manager".to_owned(), people)].into(),
            ..Known::default()
        };
        effects(&Arc::new(known)).with_mailer(mailer)
    };
    let first = worker(&["ada", "bob"], mailer.clone());
    let error = failed(try_once(&first, EffectRequest::Notify(message.clone()), &[], AMPLE).await);
    let detail = error.detail.unwrap();
    let told: Vec<String> =
        detail["delivered"].as_array().unwrap().iter().map(|one| one["to"].as_str().unwrap().to_owned()).collect();
    assert_eq!((told.len(), mails.try_recv().is_ok(), mails.try_recv().is_ok()), (2, true, true));

    // Meanwhile somebody has become a manager.
    let second = worker(&["eve", "bob", "Ada"], mailer);
    let again = Notification { told, ..message };
    let error = failed(try_once(&second, EffectRequest::Notify(again), &[], AMPLE).await);
    assert_eq!(error.detail.unwrap()["delivered"].as_array().unwrap().len(), 3, "they count as told");
    assert_eq!(mails.try_recv().unwrap().to, "eve@example.com");
    assert!(mails.try_recv().is_err());
    assert_eq!(slack.requests().len(), 2, "who was not told is tried again");
}

#[tokio::test]
async fn a_chat_that_answers_that_it_did_nothing_is_a_failure() {
    let stub = Stub::answering(|_| json_answer("{\"ok\":false,\"error\":\"channel_not_found\"}")).await;
    let known = Arc::new(known().service(chat("slack", &stub.url(""), AuthenticationKind::Bearer)));
    let error = failed(run(&known, EffectRequest::Notify(to(&["slack:#gone"])), &[]).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("CHAT_REFUSED", ErrorClass::Other));
    assert!(error.message.ends_with("channel_not_found"), "{}", error.message);
}

#[tokio::test]
async fn who_does_not_exist_is_told_with_what_to_set_up() {
    let known = Arc::new(Known::default());
    for (recipient, what) in
        [("ada@example.com", "SLUICE_MAIL_URL"), ("slack:#ops", "recipient_prefix"), ("role:nobody", "`nobody`")]
    {
        let error = failed(run(&known, EffectRequest::Notify(to(&[recipient])), &[]).await);
        assert_eq!(error.code, "UNKNOWN_RECIPIENT", "{recipient}");
        assert!(error.message.contains(what), "{recipient}: {}", error.message);
    }
}

#[tokio::test]
async fn a_service_that_hangs_takes_the_time_of_the_action_and_no_more() {
    let silent = Stub::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let known = Arc::new(known().service(chat("slack", &silent.url(""), AuthenticationKind::Bearer)));
    let message = EffectRequest::Notify(to(&["slack:#a", "slack:#b"]));
    let outcome = try_once(&effects(&known), message, &[], Duration::from_millis(300)).await;
    let EffectOutcome::Failed(error) = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.code.as_str(), error.retryable_class), ("STEP_TIMEOUT", ErrorClass::Timeout));
    assert_eq!(error.detail.unwrap()["failed"].as_array().unwrap().len(), 2);
}
