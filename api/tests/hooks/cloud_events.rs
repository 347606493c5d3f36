//! CloudEvents through their route.

use axum::http::Method;
use serde_json::{Value, json};
use service::audit;
use store::{AuditFilter, EventFilter, EventOrder, PageRequest};

use crate::hooks::desk::{Desk, Sent, Told};

const ONE: &str = "application/cloudevents+json";
const MANY: &str = "application/cloudevents-batch+json";

fn event(id: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "type": "order.paid", "source": "/shop", "id": id, "subject": "order/1", "data": data })
}

async fn send(desk: &Desk, kind: &str, body: &Value) -> Told {
    desk.send(Sent::new("/events/default", &body.to_string()).with("content-type", kind)).await
}

/// Name, source, subject, key and payload of the events, oldest first.
async fn events(desk: &Desk) -> Vec<Value> {
    let everything = EventFilter::default();
    let page = PageRequest::first(50);
    let order = EventOrder { direction: store::Direction::Ascending, ..EventOrder::default() };
    let page = desk.services.store().events(desk.owner.organization, &everything, order, &page).await.unwrap();
    let told = page.rows.into_iter().map(|(_, row)| {
        let payload: Value = serde_json::from_str(&row.payload).unwrap();
        json!([row.event_type, row.source, row.subject, row.deduplication_key, payload])
    });
    told.collect()
}

#[tokio::test]
async fn an_event_comes_in_either_mode_and_counts_once() {
    let desk = Desk::new().await;
    let data = json!({ "order": { "id": 1 } });
    let told = send(&desk, ONE, &event("a", &data)).await;
    assert_eq!((told.status.as_u16(), &told.body["isNew"]), (202, &json!(true)), "{told:?}");
    let again = send(&desk, ONE, &event("a", &data)).await;
    assert_eq!((again.status.as_u16(), &again.body["eventId"]), (200, &told.body["eventId"]), "{again:?}");
    let binary = |id: &str| {
        let sent = Sent::new("/events/default", &data.to_string()).with("ce-specversion", "1.0").with("ce-id", id);
        sent.with("ce-type", "order.paid").with("ce-source", "/shop").with("ce-subject", "order%2F1")
    };
    assert_eq!(desk.send(binary("a")).await.body["eventId"], told.body["eventId"], "the same event in the other mode");
    assert_eq!(desk.send(binary("b")).await.status.as_u16(), 202);
    let expected = |id: &str| json!(["order.paid", "/shop", "order/1", format!("/shop {id}"), data]);
    assert_eq!(events(&desk).await, [expected("a"), expected("b")]);
    let other = send(&desk, ONE, &event("a", &json!({ "order": { "id": 2 } }))).await;
    assert_eq!(other.refusal(), (409, "DUPLICATE"), "{other:?}");
}

#[tokio::test]
async fn a_batch_is_answered_event_by_event() {
    let desk = Desk::new().await;
    let mut wrong = event("c", &json!({}));
    wrong["type"] = json!("order paid");
    let batch = json!([event("a", &json!({})), event("b", &json!({})), wrong, event("a", &json!({}))]);
    let told = send(&desk, MANY, &batch).await;
    assert_eq!(told.status.as_u16(), 202, "{told:?}");
    let results = told.body["results"].as_array().unwrap();
    assert_eq!(
        (&results[0]["isNew"], &results[1]["isNew"], &results[3]["isNew"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(results[3]["eventId"], results[0]["eventId"]);
    assert_eq!(results[2]["errors"][0]["extensions"]["code"], "INVALID", "{told:?}");
    assert_eq!(send(&desk, MANY, &json!([event("a", &json!({}))])).await.status.as_u16(), 200, "nothing of it is new");
    assert_eq!(events(&desk).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_event_or_nobody_s_is_refused() {
    let desk = Desk::new().await;
    let body = event("a", &json!({})).to_string();
    let sent = || Sent::new("/events/default", &body).with("content-type", ONE);
    let text = |text: &str| Sent::new("/events/default", text).with("content-type", ONE);
    for (what, sent, expected) in [
        ("plain JSON", Sent::new("/events/default", &body), (400, "BAD_REQUEST")),
        ("no JSON", text("{"), (400, "BAD_REQUEST")),
        ("no attributes", text("{}"), (422, "REQUIRED")),
        ("no list", text("{}").with("content-type", MANY), (422, "INVALID")),
        ("an empty batch", text("[]").with("content-type", MANY), (413, "TOO_LARGE")),
        (
            "a payload that is too large",
            text(&event("a", &json!({ "a": "x".repeat(5_000) })).to_string()),
            (413, "TOO_LARGE"),
        ),
        ("a payload that is no object", text(&event("a", &json!([])).to_string()), (422, "INVALID")),
        ("another organization", sent().at("/events/other"), (404, "NOT_FOUND")),
        ("a page of somebody", sent().with("origin", "https://evil.example"), (403, "FORBIDDEN")),
        ("wrong credentials", sent().with("authorization", "Bearer wrong"), (401, "UNAUTHENTICATED")),
        ("another method", Sent { method: Method::PUT, ..sent() }, (405, "BAD_REQUEST")),
    ] {
        let told = desk.send(sent).await;
        assert_eq!(told.refusal(), expected, "{what}: {told:?}");
    }
    assert!(events(&desk).await.is_empty());
}

#[tokio::test]
async fn what_came_is_in_the_audit_log() {
    let desk = Desk::new().await;
    send(&desk, ONE, &event("a", &json!({}))).await;
    send(&desk, MANY, &json!([event("a", &json!({})), event("b", &json!({}))])).await;
    send(&desk, ONE, &event("a", &json!({ "other": true }))).await;
    let page =
        audit::page(&desk.services, &desk.owner, &AuditFilter::default(), &PageRequest::first(10)).await.unwrap();
    let actions: Vec<_> = page.rows.iter().map(|(_, row)| row.entry.action.as_str()).collect();
    assert_eq!(actions, ["event.received", "event.batch_emitted", "event.emitted"], "{page:?}");
}
