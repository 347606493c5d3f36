//! What a call starts, and what it does not.

use axum::http::Method;
use serde_json::{Value, json};
use service::workflows;
use store::TriggerType;

use crate::hooks::desk::{Desk, Sent};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_call_starts_an_execution_with_its_body_and_is_answered_when_that_is_durable() {
    let desk = Desk::new().await;
    let told = desk.send(Sent::new("/hooks/default/open", r#"{"amount": 5}"#)).await;
    let (status, id) = told.taken();
    assert_eq!((status, &told.body["isNew"]), (202, &json!(true)), "{told:?}");
    let row = desk.execution(id).await;
    assert_eq!((parse(&row.input), row.trigger_type), (json!({ "amount": 5 }), TriggerType::Webhook));
    let trigger = parse(&row.trigger);
    assert_eq!(
        (&trigger["type"], &trigger["path"], &trigger["method"]),
        (&json!("webhook"), &json!("open"), &json!("POST"))
    );
    let address = format!("/hooks/{}/open", desk.owner.organization);
    assert_eq!(desk.send(Sent::new(&address, "{}")).await.taken().0, 202, "by the id of the organization");
    assert_eq!(
        desk.send(Sent { headers: Vec::new(), ..Sent::new(&address, "") }).await.taken().0,
        202,
        "without a body"
    );
}

#[tokio::test]
async fn a_call_that_is_repeated_is_answered_200_and_starts_nothing() {
    let desk = Desk::new().await;
    for header in ["webhook-id", "idempotency-key"] {
        let id = format!("of {header}").replace(' ', "-");
        let first = desk.send(Sent::new("/hooks/default/open", r#"{"amount":1}"#).with(header, &id)).await;
        assert_eq!(first.taken().0, 202, "{first:?}");
        for body in [r#"{"amount":1}"#, r#"{"amount": 2}"#] {
            let again = desk.send(Sent::new("/hooks/default/open", body).with(header, &id)).await;
            assert_eq!(again.taken(), (200, first.taken().1), "{again:?}");
            assert_eq!(again.body["isNew"], false);
        }
    }
    assert_eq!(desk.executions().await, 2);
}

#[tokio::test]
async fn of_many_that_repeat_each_other_at_once_one_starts_something() {
    let desk = Desk::new().await;
    let calls = (0..20).map(|_| desk.send(Sent::new("/hooks/default/open", "{}").with("webhook-id", "same")));
    let told = futures::future::join_all(calls).await;
    assert_eq!(told.iter().filter(|told| told.taken().0 == 202).count(), 1, "{told:?}");
    assert!(told.iter().all(|one| one.taken().1 == told[0].taken().1), "{told:?}");
    assert_eq!(desk.executions().await, 1);
}

#[tokio::test]
async fn the_input_of_a_trigger_is_made_of_the_call() {
    let desk = Desk::new().await;
    let read = Sent { method: Method::GET, ..Sent::new("/hooks/default/read?q=a%20b&q=c", "") };
    let told = desk.send(read.with("user-agent", "tests").with("cookie", "hidden=1")).await;
    let input = parse(&desk.execution(told.taken().1).await.input);
    assert_eq!(input, json!({ "q": "c", "agent": "tests", "secret": null, "how": "GET read" }));
    let told = desk.send(Sent::new("/hooks/default/list", "[1, 2]")).await;
    assert_eq!(parse(&desk.execution(told.taken().1).await.input), json!({ "items": [1, 2], "first": 1 }));
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_code_and_starts_nothing() {
    let desk = Desk::new().await;
    let open = |body: &str| Sent::new("/hooks/default/open", body);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let endless = "[".repeat(4_000);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(5_000));
    for (sent, expected) in [
        (open("{"), (400, "BAD_REQUEST")),
        (open("[1]"), (422, "INVALID")),
        (open("\u{feff}{}"), (400, "BAD_REQUEST")),
        (open(r#"{"amount":"five"}"#), (422, "INPUT_SCHEMA_MISMATCH")),
        (open(&deep), (413, "TOO_LARGE")),
        (open(&endless), (400, "BAD_REQUEST")),
        (open(&large), (413, "TOO_LARGE")),
        (open("{}").with("content-type", "text/plain"), (415, "BAD_REQUEST")),
        (open("{}").with("origin", "https://evil.example"), (403, "FORBIDDEN")),
        (Sent { method: Method::PUT, ..open("{}") }, (404, "NOT_FOUND")),
        (Sent { method: Method::GET, ..open("") }, (404, "NOT_FOUND")),
        (Sent::new("/hooks/default/nothing", "{}"), (404, "NOT_FOUND")),
        (Sent::new("/hooks/nobody/open", "{}"), (404, "NOT_FOUND")),
        (Sent::new("/hooks/default/op%00en", "{}"), (404, "NOT_FOUND")),
        (Sent::new("/hooks/default/../default/open", "{}"), (404, "NOT_FOUND")),
        (Sent::new("/hooks/org_00000000000000000000000000/open", "{}"), (404, "NOT_FOUND")),
    ] {
        let (address, method) = (sent.address.clone(), sent.method.clone());
        let told = desk.send(sent).await;
        assert_eq!(told.refusal(), expected, "{method} {address}: {told:?}");
    }
    assert_eq!(desk.executions().await, 0);
}

#[tokio::test]
async fn a_disabled_workflow_is_not_started_and_an_older_version_not_found() {
    let desk = Desk::new().await;
    let hook = desk.services.store().hook_at(desk.owner.organization, "open", "POST").await.unwrap().unwrap();
    workflows::disable(&desk.services, &desk.owner, hook.workflow_id, None).await.unwrap();
    let told = desk.send(Sent::new("/hooks/default/open", "{}")).await;
    assert_eq!(told.refusal(), (409, "WORKFLOW_DISABLED"), "{told:?}");
    workflows::enable(&desk.services, &desk.owner, hook.workflow_id).await.unwrap();
    assert_eq!(desk.send(Sent::new("/hooks/default/open", "{}")).await.taken().0, 202);
    desk.publish("workflow_id: called\nsteps:\n  - { id: done, type: end }\n").await.unwrap();
    assert_eq!(desk.send(Sent::new("/hooks/default/open", "{}")).await.refusal(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn one_address_belongs_to_one_workflow() {
    let desk = Desk::new().await;
    let second = "workflow_id: second\ntrigger: { type: webhook, path: open }\nsteps:\n  - { id: done, type: end }\n";
    let refused = desk.publish(second).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "ALREADY_EXISTS", "{refused:?}");
    let twice = "workflow_id: twice\ntriggers:\n  - { type: webhook, path: a }\n  - { type: webhook, path: /a }\n\
                 steps:\n  - { id: done, type: end }\n";
    let problems = desk.publish(twice).await.unwrap().problems;
    let told: Vec<_> = problems.iter().map(|problem| (problem.code, problem.pointer.as_str())).collect();
    assert_eq!(told, [("conflicting-keys", "/triggers/1/path")]);
}

#[tokio::test]
async fn a_hook_takes_as_many_calls_as_it_may_and_strangers_pay_by_address() {
    let desk = Desk::with_limits(3, 25).await;
    for _ in 0..3 {
        assert_eq!(desk.send(Sent::new("/hooks/default/open", "{}")).await.taken().0, 202);
    }
    let told = desk.send(Sent::new("/hooks/default/open", "{}")).await;
    assert_eq!(told.refusal(), (429, "RATE_LIMITED"), "{told:?}");
    assert!(told.retry_after.is_some_and(|seconds| seconds.parse::<u32>().unwrap() > 0));
    assert_eq!(desk.send(Sent::new("/hooks/default/list", "[]")).await.taken().0, 202, "another hook pays for itself");
    for _ in 0..2 {
        assert_eq!(desk.send(Sent::new("/hooks/default/nothing", "{}")).await.refusal(), (404, "NOT_FOUND"));
    }
    assert_eq!(desk.send(Sent::new("/hooks/default/nothing", "{}")).await.refusal(), (429, "RATE_LIMITED"));
    let unsigned = desk.send(Sent::new("/hooks/default/standard/orders", "{}")).await;
    assert_eq!(unsigned.refusal(), (429, "RATE_LIMITED"), "{unsigned:?}");
    assert_eq!(desk.executions().await, 4);
}

#[tokio::test]
async fn what_an_input_reads_beside_the_call_is_warned_of() {
    let desk = Desk::new().await;
    let definition = "workflow_id: reads\ntrigger: { type: webhook, path: reads, input: { a: '{{ body.a }}', b: '{{ order.id }}' } }\n\
                      input: { type: object }\nsteps:\n  - { id: done, type: end }\n";
    let problems = desk.publish(definition).await.unwrap().problems;
    let told: Vec<_> = problems.iter().map(|problem| (problem.code, problem.pointer.as_str())).collect();
    assert_eq!(told, [("unknown-path", "/trigger/input/b")]);
}
