//! A client of `graphql-transport-ws`, for tests: one connection, any number of operations.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Api;

/// A socket past `connection_ack`. Dropping it cuts the connection without a farewell.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Messages of other operations than the one that was asked for.
    waiting: VecDeque<Value>,
}

impl Socket {
    /// Connects and says hello.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(api: &Api) -> Self {
        let address = api.url.replacen("http://", "ws://", 1);
        let mut request = format!("{address}/graphql/ws").into_client_request().expect("the address is ours");
        let protocol = "graphql-transport-ws".parse().expect("a plain word is a header value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (stream, _answer) = connect_async(request).await.unwrap_or_else(|problem| panic!("{address}: {problem}"));
        let mut socket = Self { stream, waiting: VecDeque::new() };
        socket.send(&json!({ "type": "connection_init" })).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// Begins an operation under `id`.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Ends an operation.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn complete(&mut self, id: &str) {
        self.send(&json!({ "type": "complete", "id": id })).await;
    }

    /// The next answer to operation `id`, as an SSE client would see it; `None` when it is complete.
    ///
    /// # Panics
    /// When the connection breaks, or nothing comes for half a minute.
    pub async fn next(&mut self, id: &str) -> Option<Value> {
        loop {
            let known = self.waiting.iter().position(|message| message["id"] == id);
            let mut message = match known.and_then(|place| self.waiting.remove(place)) {
                Some(message) => message,
                None => self.message().await,
            };
            if message["id"] != id {
                self.waiting.push_back(message);
                continue;
            }
            return match message["type"].as_str() {
                Some("next") => Some(message["payload"].take()),
                Some("error") => Some(json!({ "errors": message["payload"] })),
                Some("complete") => None,
                _other => panic!("an unexpected message: {message}"),
            };
        }
    }

    async fn send(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("the server takes messages");
    }

    async fn message(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await;
            match frame.expect("something comes within half a minute") {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the connection broke: {other:?}"),
            }
        }
    }
}
