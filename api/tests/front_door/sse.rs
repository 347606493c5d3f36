//! Subscriptions over server-sent events.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::front_door::support::{Answer, Door, door, post, within};

fn events_of(query: &str) -> Request<Body> {
    let mut request = post(json!({ "query": query }).to_string());
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    request
}

async fn ask(door: &Door, query: &str) -> Answer {
    let answer = door.send(events_of(query)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    answer
}

/// Name and data of each event.
fn events(text: &str) -> Vec<(String, Option<Value>)> {
    text.split("\n\n")
        .filter(|block| !block.is_empty())
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let data = field("data:").expect("browsers drop events without data");
            (field("event:").unwrap().to_owned(), serde_json::from_str(data).ok())
        })
        .collect()
}

#[tokio::test]
async fn a_subscription_is_a_next_event_for_each_item_and_a_complete_at_the_end() {
    let answer = ask(&door(), "subscription { count(to: 2) }").await;
    assert_eq!(
        events(&answer.text()),
        [
            ("next".to_owned(), Some(json!({ "data": { "count": 1 } }))),
            ("next".to_owned(), Some(json!({ "data": { "count": 2 } }))),
            ("complete".to_owned(), Some(Value::Null)),
        ]
    );
}

#[tokio::test]
async fn a_query_over_events_is_one_next_and_a_complete() {
    let answer = ask(&door(), "{ number(n: 3) }").await;
    let names: Vec<_> = events(&answer.text()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["next", "complete"]);
}

#[tokio::test]
async fn refused_documents_and_broken_streams_are_told_as_events() {
    let door = door();
    for (query, code) in [
        ("subscription {", "BAD_DOCUMENT"),
        ("subscription { nothing }", "BAD_DOCUMENT"),
        ("subscription { refused }", "FORBIDDEN"),
        ("{ panics }", "INTERNAL"),
    ] {
        let answer = ask(&door, query).await;
        let events = events(&answer.text());
        let (name, data) = &events[0];
        assert_eq!(name, "next", "{query}");
        assert_eq!(data.as_ref().unwrap()["errors"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(events.last().unwrap().0, "complete", "{query}");
    }
    let answer = ask(&door, "subscription { breaks }").await;
    let events = events(&answer.text());
    assert_eq!(events.len(), 3, "an item, the error, the end: {}", answer.text());
    assert_eq!(events[1].1.as_ref().unwrap()["errors"][0]["extensions"]["code"], "INTERNAL");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_sends_comments_and_ends_with_the_shutdown() {
    let door = door();
    let response = within(door.router.clone().oneshot(events_of("subscription { forever }"))).await.unwrap();
    let mut chunks = response.into_body().into_data_stream();
    let mut next =
        async || within(chunks.next()).await.map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap());
    assert!(next().await.unwrap().starts_with("event: next"));
    // Time is paused: nothing else is left to do, so it jumps to the next comment.
    assert_eq!(next().await.unwrap(), ":\n\n");
    door.shutdown.begin();
    assert_eq!(next().await, None, "no `complete`: the caller shall come back");
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_its_subscription() {
    let door = door();
    let response = within(door.router.clone().oneshot(events_of("subscription { forever }"))).await.unwrap();
    let mut chunks = response.into_body().into_data_stream();
    within(chunks.next()).await.unwrap().unwrap();
    drop(chunks);
    within(door.probe.dropped.notified()).await;
}
