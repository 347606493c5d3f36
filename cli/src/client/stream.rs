//! Subscriptions as streams of server-sent events; a broken connection goes on where it was.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::server::{Server, refuse_errors};
use crate::failure::Failure;

/// Pause before a broken connection is made anew.
const PAUSE: Duration = Duration::from_secs(1);
/// Broken connections in a row after which it gives up.
const TRIES: u32 = 30;

/// Follows a subscription until the server says that all was told. Each item is shown to `tell`, which may set the
/// variables with which a connection that breaks is made anew, such as a cursor.
pub async fn follow(
    server: &Server,
    query: &str,
    variables: Value,
    tell: impl Fn(&Value, &mut Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    follow_with(server, query, variables, async |_variables: &Value| Ok(()), tell).await
}

/// As [`follow`]; `before` is called with the variables before each connection, the first one too. When it fails, so
/// does the connection.
pub async fn follow_with(
    server: &Server,
    query: &str,
    mut variables: Value,
    mut before: impl AsyncFnMut(&Value) -> Result<(), Failure>,
    tell: impl Fn(&Value, &mut Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut tries, mut has_begun) = (0, variables["after"].is_string());
    loop {
        let ready = before(&variables).await;
        let item = |item: &Value, variables: &mut Value| {
            has_begun = true;
            tell(item, variables)
        };
        let followed = match ready {
            Ok(()) => follow_once(server, query, &mut variables, item).await,
            Err(failure) => Err(failure),
        };
        match followed {
            Ok(true) => return Ok(()),
            // It was open, whether anything came or not.
            Ok(false) => (tries, has_begun) = (0, true),
            Err(failure) if !has_begun || tries >= TRIES => return Err(failure),
            Err(_broken) => tries += 1,
        }
        eprintln!("the connection broke, going on where it was");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows until the server says that all was told; false when the connection broke before.
async fn follow_once(
    server: &Server,
    query: &str,
    variables: &mut Value,
    mut tell: impl FnMut(&Value, &mut Value) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    server.freshen().await?;
    let request = server.post().header("accept", "text/event-stream");
    let answer = request
        .json(&json!({ "query": query, "variables": variables }))
        .send()
        .await
        .map_err(|problem| server.unreachable(&problem))?;
    let is_stream =
        answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        // A refusal is answered as JSON; anything else comes from somebody else, or from a proxy on the way.
        let refused = server.json(answer).await?;
        refuse_errors(&refused)?;
        return Err(Failure::new("the server answers without a stream of events"));
    }
    let mut bytes = answer.bytes_stream();
    let mut buffer: Vec<u8> = Vec::new();
    while let Some(chunk) = bytes.next().await {
        let Ok(chunk) = chunk else { return Ok(false) };
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = buffer.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            if block.lines().any(|line| line == "event: complete") {
                return Ok(true);
            }
            let data: String = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            if let Ok(item) = serde_json::from_str::<Value>(&data) {
                refuse_errors(&item)?;
                tell(&item["data"], variables)?;
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::header::CONTENT_TYPE;
    use axum::routing::post;

    use super::*;
    use crate::arguments::ServerOptions;

    const BROKEN: (&str, &str) = ("text/event-stream", "");
    const AWAY: (&str, &str) = ("text/plain", "the server begins anew");
    const TOLD: (&str, &str) = ("text/event-stream", "event: next\ndata: {\"data\":{\"n\":7}}\n\nevent: complete\n\n");

    /// A server that gives these answers, one after the other.
    async fn answering(answers: &'static [(&'static str, &'static str)]) -> Server {
        let next = Arc::new(AtomicUsize::new(0));
        let answer = move || {
            let (kind, body) = answers[next.fetch_add(1, Ordering::SeqCst)];
            async move { ([(CONTENT_TYPE, kind)], body) }
        };
        let app = axum::Router::new().route("/graphql", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        // Another test may have been first.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        Server::anonymous(&ServerOptions { url, token: None }).unwrap()
    }

    /// How many connections were tried, and what was told last.
    async fn followed(server: &Server) -> (u32, Option<i64>, Result<(), Failure>) {
        let (tried, told) = (Cell::new(0), Cell::new(None));
        let before = async |_variables: &Value| -> Result<(), Failure> {
            tried.set(tried.get() + 1);
            Ok(())
        };
        let tell = |item: &Value, _variables: &mut Value| {
            told.set(item["n"].as_i64());
            Ok(())
        };
        let outcome = follow_with(server, "subscription { n }", json!({}), before, tell).await;
        (tried.get(), told.get(), outcome)
    }

    #[tokio::test]
    async fn a_stream_that_was_open_and_broke_is_made_anew_though_nothing_had_come() {
        let server = answering(&[BROKEN, AWAY, TOLD]).await;
        let (tried, told, outcome) = followed(&server).await;
        outcome.unwrap();
        assert_eq!((tried, told), (3, Some(7)));
    }

    #[tokio::test]
    async fn a_server_that_opens_no_stream_is_asked_once() {
        let server = answering(&[AWAY, TOLD]).await;
        let (tried, told, outcome) = followed(&server).await;
        assert!(outcome.is_err());
        assert_eq!((tried, told), (1, None));
    }
}
