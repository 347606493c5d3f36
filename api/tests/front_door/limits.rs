//! How much one caller may ask for, and how many sockets one may hold.

use std::time::Duration;

use axum::http::StatusCode;
use service::rates::{Buckets, Rate, Rates};
use sluice_api::{HttpConfig, ServerLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use serde_json::json;

use crate::front_door::support::{Door, config, peopled_door, post_as, within};

/// Refills so slowly that nothing comes in the time of a test.
const fn rate(points: u32) -> Rate {
    Rate { points, period: Duration::from_hours(1) }
}

fn limited(known: u32, anonymous: u32) -> HttpConfig {
    HttpConfig { rates: Rates::new(Buckets::memory(), Some(rate(known)), Some(rate(anonymous))), ..config() }
}

fn body(query: &str) -> String {
    json!({ "query": query }).to_string()
}

/// Costs a point for the request and one for the field.
const CHEAP: &str = "{ number(n: 1) }";

async fn status(door: &Door, name: Option<&str>, query: &str) -> StatusCode {
    door.send(post_as(name, body(query))).await.status
}

#[tokio::test]
async fn whoever_asks_for_too_much_is_told_when_to_come_back() {
    let door = peopled_door(limited(5, 5));
    let first = door.send(post_as(Some("ada"), body(CHEAP))).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("ratelimit-policy"), "\"points\";q=5;w=3600");
    assert_eq!(first.header("ratelimit"), "\"points\";r=3;t=1440");
    assert_eq!(first.header("retry-after"), "");
    assert_eq!(status(&door, Some("ada"), CHEAP).await, StatusCode::OK);
    let refused = door.send(post_as(Some("ada"), body(CHEAP))).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED".to_owned()));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["errors"][0]["extensions"]["retryAfter"], json!(seconds));
    assert!(refused.json().get("data").is_none());
}

#[tokio::test]
async fn one_caller_who_asks_for_too_much_stops_no_other() {
    let door = peopled_door(limited(3, 3));
    assert_eq!(status(&door, Some("ada"), CHEAP).await, StatusCode::OK);
    assert_eq!(status(&door, Some("ada"), CHEAP).await, StatusCode::TOO_MANY_REQUESTS);
    for other in [Some("bob"), Some("key-ada"), None] {
        assert_eq!(status(&door, other, CHEAP).await, StatusCode::OK, "{other:?}");
    }
}

#[tokio::test]
async fn the_cost_of_a_document_counts_and_not_only_the_request() {
    let door = peopled_door(limited(12, 12));
    let nested =
        "{ node { node { node { node { a: number(n: 1) b: number(n: 2) c: number(n: 3) d: number(n: 4) } } } } }";
    // Two for the request; the rest of eight when the engine knows the cost.
    let answer = door.send(post_as(Some("ada"), body(nested))).await;
    assert_eq!(answer.header("ratelimit"), "\"points\";r=4;t=2400");
    let refused = door.send(post_as(Some("ada"), body(nested))).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED".to_owned()));
}

#[tokio::test]
async fn a_mutation_that_cannot_be_paid_is_not_executed() {
    let door = peopled_door(limited(2, 2));
    assert_eq!(status(&door, Some("ada"), "mutation { touch }").await, StatusCode::OK);
    assert_eq!(status(&door, Some("ada"), "mutation { touch }").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(door.probe.mutations.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn documents_that_are_refused_are_paid_for_too() {
    let door = peopled_door(limited(3, 3));
    for _ in 0..3 {
        assert_eq!(status(&door, Some("ada"), "{ unclosed(").await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(status(&door, Some("ada"), "{ unclosed(").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn whoever_guesses_credentials_pays_more_than_for_a_request() {
    let door = peopled_door(limited(100, 25));
    for _ in 0..2 {
        assert_eq!(status(&door, Some("wrong"), CHEAP).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(status(&door, Some("wrong"), CHEAP).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&door, Some("ada"), CHEAP).await, StatusCode::OK);
}

#[tokio::test]
async fn operations_over_a_websocket_are_paid_for() {
    let config = limited(3, 3);
    let server = peopled_door(config).serve().await;
    let mut socket = server.connect().await;
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": "Bearer ada" } })).await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    socket.subscribe("1", CHEAP).await;
    assert_eq!(socket.message().await["type"], "next");
    assert_eq!(socket.message().await["type"], "complete");
    socket.subscribe("2", CHEAP).await;
    let refused = socket.message().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    // The socket lives on.
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await["type"], "pong");
}

#[tokio::test]
async fn a_person_holds_so_many_websockets_and_no_more() {
    let mut config = config();
    config.ws.per_person = 2;
    let server = peopled_door(config).serve().await;
    let init = json!({ "type": "connection_init", "payload": { "authorization": "Bearer ada" } });
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = server.connect().await;
        socket.send(init.clone()).await;
        assert_eq!(socket.message().await["type"], "connection_ack");
        held.push(socket);
    }
    let mut third = server.connect().await;
    third.send(init.clone()).await;
    assert_eq!(third.closed().await.0, 4429);
    let mut other = server.connect().await;
    other.send(json!({ "type": "connection_init", "payload": { "authorization": "Bearer bob" } })).await;
    assert_eq!(other.message().await["type"], "connection_ack");
}

#[tokio::test]
async fn an_address_has_so_many_websockets_that_say_nothing() {
    let mut config = config();
    config.ws.waiting_per_address = 2;
    let server = peopled_door(config).serve().await;
    let _first = server.connect().await;
    let _second = server.connect().await;
    let refused = server.open(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.err();
    assert_eq!(refused, Some(StatusCode::TOO_MANY_REQUESTS));
}

#[tokio::test]
async fn a_websocket_lives_as_long_as_it_may_and_is_told_to_connect_again() {
    let mut config = config();
    config.ws.life = Duration::from_millis(50);
    let server = peopled_door(config).serve().await;
    let mut socket = server.connect().await;
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": "Bearer ada" } })).await;
    assert_eq!(socket.closed().await, (1001, "connect again".to_owned()));
}

#[tokio::test]
async fn strangers_send_short_bodies_and_short_documents() {
    let door = peopled_door(config());
    let long = format!("{{ number(n: 1) }} #{}", "x".repeat(20 * 1024));
    let stranger = door.send(post_as(None, body(&long))).await;
    assert_eq!(stranger.code(), "QUERY_TOO_COMPLEX");
    assert_eq!(status(&door, Some("ada"), &long).await, StatusCode::OK);
    let longer = format!("{{ number(n: 1) }} #{}", "x".repeat(70 * 1024));
    assert_eq!(status(&door, None, &longer).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status(&door, Some("ada"), &longer).await, StatusCode::OK);
}

/// What `slowhttptest` does, with fewer connections: heads and bodies that come byte by byte, or not at all.
#[tokio::test]
async fn connections_that_only_wait_are_closed_and_stop_nobody_else() {
    let limits =
        ServerLimits { header_timeout: Duration::from_millis(300), connections: 200, ..ServerLimits::default() };
    let config = HttpConfig { body_timeout: Duration::from_millis(300), ..config() };
    let server = peopled_door(config).serve_with(limits).await;
    let mut slow = Vec::new();
    for number in 0..150 {
        let mut connection = server.tcp().await;
        let begin: &[u8] = match number % 3 {
            0 => b"",
            1 => b"POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n",
            _ => b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
        };
        connection.write_all(begin).await.unwrap();
        slow.push(connection);
    }
    let mut quick = server.tcp().await;
    quick.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    within(quick.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    for mut connection in slow {
        let mut rest = Vec::new();
        // Closed with an answer, without one, or by a reset: but closed.
        drop(within(connection.read_to_end(&mut rest)).await);
    }
}
