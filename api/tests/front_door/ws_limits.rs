//! What one WebSocket may take from the others.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use sluice_api::limits::WsLimits;
use sluice_api::{Health, HttpConfig};
use tokio_tungstenite::tungstenite::Message;

use crate::front_door::support::{Server, config, door, door_with, within};

async fn server_with(ws: WsLimits) -> Server {
    door_with(HttpConfig { ws, ..config() }, Health::default()).serve().await
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.send_raw(Message::text("x".repeat(128 * 1024 + 1))).await;
    assert_eq!(socket.closed().await.0, 1009);
    let mut largest = server.ready().await;
    let filler = "x".repeat(128 * 1024 - 40);
    largest.send(json!({ "type": "ping", "payload": { "x": filler } })).await;
    assert_eq!(largest.message().await["type"], "pong");
}

#[tokio::test]
async fn operations_over_the_limit_are_refused_and_the_others_go_on() {
    let server = server_with(WsLimits { operations: 2, ..WsLimits::default() }).await;
    let mut socket = server.ready().await;
    for id in ["a", "b"] {
        socket.subscribe(id, "subscription { forever }").await;
        assert_eq!(socket.message().await["id"], id);
    }
    socket.subscribe("c", "subscription { forever }").await;
    let refusal = socket.message().await;
    assert_eq!((&refusal["type"], &refusal["id"]), (&json!("error"), &json!("c")));
    assert_eq!(refusal["payload"][0]["extensions"]["code"], "TOO_LARGE");
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    socket.subscribe("c", "subscription { forever }").await;
    assert_eq!(socket.message().await, json!({ "type": "next", "id": "c", "payload": { "data": { "forever": 1 } } }));
}

#[tokio::test]
async fn a_flood_does_not_starve_its_neighbour() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("flood", "subscription { flood(bytes: 1000) }").await;
    assert_eq!(socket.message().await["id"], "flood");
    socket.subscribe("query", "{ number(n: 1) }").await;
    let mut floods = 0;
    while socket.message().await["id"] != "query" {
        floods += 1;
        assert!(floods < 20_000, "the query waits behind the flood");
    }
    socket.send(json!({ "type": "complete", "id": "flood" })).await;
    socket.send(json!({ "type": "ping" })).await;
    while socket.message().await["type"] != "pong" {}
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_cut_with_4429_and_others_are_not() {
    let ws = WsLimits { send_timeout: Duration::from_millis(100), ..WsLimits::default() };
    let server = server_with(ws).await;
    let mut slow = server.ready().await;
    let mut well = server.ready().await;
    slow.subscribe("quiet", "subscription { forever }").await;
    assert_eq!(slow.message().await["id"], "quiet");
    slow.subscribe("flood", "subscription { flood(bytes: 100000) }").await;
    // The stream beside the flood is dropped when the socket is cut, and not before.
    within(server.door.probe.dropped.notified()).await;
    well.subscribe("a", "{ number(n: 1) }").await;
    assert_eq!(well.message().await["payload"]["data"]["number"], 1);
    // Reading on, the peer finds what was on the way, then the reason, if it is quick enough to still get it.
    loop {
        match within(slow.stream.next()).await {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!(u16::from(frame.code), 4429);
                break;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break,
        }
    }
}

#[tokio::test]
async fn a_consumer_that_reads_gets_everything_however_much_it_is() {
    let server = server_with(WsLimits { backlog_bytes: 10_000, ..WsLimits::default() }).await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { count(to: 5000) }").await;
    for n in 1..=5000 {
        assert_eq!(socket.message().await["payload"]["data"]["count"], n);
    }
    assert_eq!(socket.message().await["type"], "complete");
}

#[tokio::test]
async fn idle_sockets_are_pinged_and_silent_peers_are_dropped() {
    let ws = WsLimits {
        ping_interval: Duration::from_millis(10),
        peer_timeout: Duration::from_secs(1),
        ..WsLimits::default()
    };
    let server = server_with(ws).await;
    let mut socket = server.ready().await;
    socket.subscribe("a", "subscription { forever }").await;
    for _ in 0..3 {
        let frame = within(socket.stream.next()).await.unwrap().unwrap();
        assert!(matches!(frame, Message::Text(_) | Message::Ping(_)), "{frame}");
    }
    // A peer that never reads never answers a ping.
    within(server.door.probe.dropped.notified()).await;
    drop(socket);
}
