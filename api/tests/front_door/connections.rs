//! What belongs to connections rather than requests.

use std::time::Duration;

use serde_json::json;
use sluice_api::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::front_door::support::{door, within};

fn request(body: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_head_that_does_not_arrive_closes_the_connection() {
    let limits = ServerLimits { header_timeout: Duration::from_millis(50), ..ServerLimits::default() };
    let server = door().serve_with(limits).await;
    let mut connection = server.tcp().await;
    connection.write_all(b"POST /graphql HTTP/1.1\r\nhost: local").await.unwrap();
    let mut rest = Vec::new();
    within(connection.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let server = door().serve().await;
    let many = "x: y\r\n".repeat(200);
    let long = format!("x: {}\r\n", "y".repeat(64 * 1024));
    for headers in [many, long] {
        let mut connection = server.tcp().await;
        let head = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        // The server may refuse while we still write.
        let (mut reader, mut writer) = connection.split();
        let mut answer = Vec::new();
        let (_, read) =
            within(async { tokio::join!(writer.write_all(head.as_bytes()), reader.read_to_end(&mut answer)) }).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.starts_with("HTTP/1.1 431") || read.is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_panic_answers_and_leaves_the_connection_usable() {
    let server = door().serve().await;
    let mut connection = server.tcp().await;
    for (query, status) in [("{ panics }", "500"), ("{ number(n: 1) }", "200")] {
        connection.write_all(request(&json!({ "query": query }).to_string()).as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.contains("}]}") && !answer.contains("}}") {
            let mut buffer = [0; 4096];
            let read = within(connection.read(&mut buffer)).await.unwrap();
            assert_ne!(read, 0, "the connection was closed: {answer}");
            answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_another_ends() {
    let server = door().serve_with(ServerLimits { connections: 1, ..ServerLimits::default() }).await;
    // A WebSocket keeps the place of the connection it was.
    let first = server.ready().await;
    let mut second = server.tcp().await;
    second.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let mut reading = Box::pin(second.read_to_end(&mut answer));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut reading).await;
    assert!(early.is_err(), "nobody is free to answer");
    drop(first);
    within(reading).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_shutdown_lets_a_running_request_finish() {
    let server = door().serve().await;
    let mut connection = server.tcp().await;
    let body = json!({ "query": "{ number(n: 5) }" }).to_string();
    let whole = request(&body);
    let (head, rest) = whole.split_at(whole.len() - 5);
    connection.write_all(head.as_bytes()).await.unwrap();
    // The request has certainly begun once a second connection, accepted later, is answered.
    let mut probe = server.tcp().await;
    probe.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    within(probe.read_to_end(&mut answer)).await.unwrap();
    server.door.shutdown.begin();
    connection.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(connection.read_to_end(&mut answer)).await.unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("\"number\":5"));
    assert!(server.stop().await, "everything ended within the grace time");
}
