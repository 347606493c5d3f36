//! The protocol `graphql-transport-ws`, case by case.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_api::limits::WsLimits;
use sluice_api::{Health, HttpConfig};
use tokio_tungstenite::tungstenite::Message;

use crate::front_door::support::{config, door, door_with, guarded_door, within};

fn code_of(message: &Value) -> &str {
    assert_eq!(message["type"], "error", "{message}");
    message["payload"][0]["extensions"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn only_the_current_protocol_is_spoken() {
    let server = door().serve().await;
    for protocols in ["graphql-ws", "subscriptions-transport-ws", "graphql-transport-ws2"] {
        let refused = server.open(&[("sec-websocket-protocol", protocols)]).await.err();
        assert_eq!(refused, Some(StatusCode::BAD_REQUEST), "{protocols}");
    }
    assert_eq!(server.open(&[]).await.err(), Some(StatusCode::BAD_REQUEST));
    assert!(server.open(&[("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")]).await.is_ok());
}

#[tokio::test]
async fn pages_of_foreign_origins_may_not_open_a_socket() {
    let server = door().serve().await;
    let own = format!("http://{}", server.address);
    for (origin, expected) in [
        ("https://evil.example", Some(StatusCode::FORBIDDEN)),
        ("null", Some(StatusCode::FORBIDDEN)),
        (own.as_str(), None),
    ] {
        let opened = server.open(&[("sec-websocket-protocol", "graphql-transport-ws"), ("origin", origin)]).await;
        assert_eq!(opened.err(), expected, "{origin}");
    }
}

#[tokio::test]
async fn a_plain_request_to_the_socket_address_is_told_so() {
    let answer = door().send(crate::front_door::support::get("/graphql/ws")).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    assert_eq!(answer.code(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_socket_that_does_not_initialise_is_closed_with_4408() {
    let ws = WsLimits { init_timeout: Duration::from_millis(200), ..WsLimits::default() };
    let server = door_with(HttpConfig { ws, ..config() }, Health::default()).serve().await;
    let mut socket = server.connect().await;
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    // Pings do not count as initialising.
    let mut talker = server.connect().await;
    talker.send(json!({ "type": "ping" })).await;
    assert_eq!(talker.closed().await.0, 4408);
}

#[tokio::test]
async fn a_second_initialisation_is_closed_with_4429() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".to_owned()));
}

#[tokio::test]
async fn an_operation_before_the_acknowledgement_is_closed_with_4401() {
    let server = door().serve().await;
    let mut socket = server.connect().await;
    socket.subscribe("a", "{ number(n: 1) }").await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()));
}

#[tokio::test]
async fn credentials_come_with_the_upgrade_or_the_first_message_and_wrong_ones_are_closed_with_4403() {
    let server = guarded_door().serve().await;
    let mut nobody = server.connect().await;
    nobody.send(json!({ "type": "connection_init" })).await;
    assert_eq!(nobody.closed().await, (4403, "Forbidden".to_owned()));
    let mut wrong = server.connect().await;
    wrong.send(json!({ "type": "connection_init", "payload": { "Authorization": "Bearer guess" } })).await;
    assert_eq!(wrong.closed().await.0, 4403);
    let mut first_message = server.connect().await;
    first_message.send(json!({ "type": "connection_init", "payload": { "authorization": "Bearer open" } })).await;
    assert_eq!(first_message.message().await["type"], "connection_ack");
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("authorization", "Bearer open")];
    let mut upgrade = server.open(&headers).await.unwrap();
    upgrade.send(json!({ "type": "connection_init" })).await;
    assert_eq!(upgrade.message().await["type"], "connection_ack");
}

#[tokio::test]
async fn an_id_that_still_runs_is_closed_with_4409() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { forever }").await;
    assert_eq!(socket.message().await["type"], "next");
    socket.subscribe("a", "subscription { forever }").await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for a already exists".to_owned()));
    within(server.door.probe.dropped.notified()).await;
}

#[tokio::test]
async fn messages_that_do_not_follow_the_protocol_are_closed_with_4400() {
    let server = door().serve().await;
    let long_id = "x".repeat(129);
    let messages = [
        Message::text("not json"),
        Message::text("[]"),
        Message::text("{}"),
        Message::text(r#"{"type":"unknown"}"#),
        Message::text(r#"{"type":"start","id":"a","payload":{"query":"{ leaks }"}}"#),
        Message::text(r#"{"type":"subscribe","payload":{"query":"{ leaks }"}}"#),
        Message::text(r#"{"type":"subscribe","id":7,"payload":{"query":"{ leaks }"}}"#),
        Message::text(r#"{"type":"subscribe","id":"","payload":{"query":"{ leaks }"}}"#),
        Message::text(json!({ "type": "subscribe", "id": long_id, "payload": { "query": "{ leaks }" } }).to_string()),
        Message::text(r#"{"type":"subscribe","id":"a"}"#),
        Message::text(r#"{"type":"subscribe","id":"a","payload":{}}"#),
        Message::text(r#"{"type":"subscribe","id":"a","payload":{"query":7}}"#),
        Message::text(r#"{"type":"subscribe","id":"a","payload":{"query":"{ leaks }","variables":[]}}"#),
        Message::text(r#"{"type":"complete"}"#),
        Message::binary(&br#"{"type":"ping"}"#[..]),
    ];
    for message in messages {
        let mut socket = server.ready().await;
        socket.send_raw(message.clone()).await;
        assert_eq!(socket.closed().await.0, 4400, "{message}");
    }
}

#[tokio::test]
async fn refused_operations_get_an_error_message_and_the_socket_stays() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    let deep = format!("{{ echo(text: {}", "[".repeat(2_000));
    for (query, code) in [
        ("{ number(n: ", "BAD_DOCUMENT"),
        ("{ nothing }", "BAD_DOCUMENT"),
        ("", "BAD_DOCUMENT"),
        ("subscription { count }", "BAD_DOCUMENT"),
        ("{ ...A } fragment A on Query { ...A }", "BAD_DOCUMENT"),
        (deep.as_str(), "QUERY_TOO_COMPLEX"),
        ("{ panics }", "INTERNAL"),
    ] {
        socket.subscribe("a", query).await;
        let message = socket.message().await;
        assert_eq!((code_of(&message), &message["id"]), (code, &json!("a")), "{query}");
    }
    // The id was freed each time, and no `complete` follows an error.
    socket.subscribe("a", "{ number(n: 2) }").await;
    assert_eq!(socket.message().await, json!({ "type": "next", "id": "a", "payload": { "data": { "number": 2 } } }));
    assert_eq!(socket.message().await, json!({ "type": "complete", "id": "a" }));
}

#[tokio::test]
async fn an_error_in_a_field_is_part_of_the_data() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "{ refuses }").await;
    let message = socket.message().await;
    assert_eq!(message["type"], "next");
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(socket.message().await["type"], "complete");
}

#[tokio::test]
async fn a_subscription_sends_each_item_and_completes() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    let payload = json!({
        "query": "subscription S($to: Int!) { count(to: $to) }",
        "operationName": "S",
        "variables": { "to": 3 },
    });
    socket.send(json!({ "type": "subscribe", "id": "s", "payload": payload })).await;
    for n in 1..=3 {
        assert_eq!(socket.message().await, json!({ "type": "next", "id": "s", "payload": { "data": { "count": n } } }));
    }
    assert_eq!(socket.message().await, json!({ "type": "complete", "id": "s" }));
    // As soon as `complete` is read, the id is free.
    socket.subscribe("s", "{ number(n: 1) }").await;
    assert_eq!(socket.message().await["type"], "next");
}

#[tokio::test]
async fn a_completed_subscription_ends_on_the_server_and_says_nothing_more() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { forever }").await;
    assert_eq!(socket.message().await["type"], "next");
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    within(server.door.probe.dropped.notified()).await;
    // Completing what does not run is no mistake: the two messages may have crossed.
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    socket.send(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong", "payload": { "n": 1 } }));
}

#[tokio::test]
async fn a_socket_that_goes_away_ends_its_subscriptions() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { forever }").await;
    assert_eq!(socket.message().await["type"], "next");
    drop(socket);
    within(server.door.probe.dropped.notified()).await;
}

#[tokio::test]
async fn pongs_nobody_asked_for_are_fine() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.send(json!({ "type": "pong", "payload": { "a": 1 } })).await;
    socket.send(json!({ "type": "pong" })).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_panic_in_a_stream_ends_that_operation_only() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("well", "subscription { forever }").await;
    assert_eq!(socket.message().await["id"], "well");
    socket.subscribe("bad", "subscription { breaks }").await;
    assert_eq!(socket.message().await["payload"]["data"]["breaks"], 1);
    let message = socket.message().await;
    assert_eq!(code_of(&message), "INTERNAL");
    assert!(message["payload"][0]["extensions"]["requestId"].is_string());
    socket.subscribe("again", "{ number(n: 1) }").await;
    assert_eq!(socket.message().await["payload"]["data"]["number"], 1);
}

#[tokio::test]
async fn a_shutdown_closes_sockets_with_1001() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { forever }").await;
    assert_eq!(socket.message().await["type"], "next");
    let closing = async {
        assert_eq!(socket.closed().await.0, 1001);
        drop(socket);
    };
    let (ended, ()) = tokio::join!(server.stop(), closing);
    assert!(ended, "nothing is left running");
}
