//! A client of the API: any replica will do, and every answer is one of three kinds.

use std::time::Duration;

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::history::Item;

/// What is known after a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It happened; the field's value.
    Done(Value),
    /// It did not happen, and trying again will not help: the code.
    Refused(String),
    /// It did not happen, now: the code.
    NotNow(String),
    /// Nobody knows: the line broke, or the server said that something broke.
    Unknown(String),
}

/// Doors of a fleet.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    ports: Vec<u16>,
}

/// A client without a proxy of the environment.
pub fn http_client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // Somebody else of this process may have installed it already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().timeout(timeout).build()?)
}

impl Api {
    /// The replicas at ports of this machine.
    pub fn new(ports: Vec<u16>) -> anyhow::Result<Self> {
        Ok(Self { client: http_client(Duration::from_secs(8))?, ports })
    }

    /// How many replicas there are.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.ports.len()
    }

    /// Asks a replica; `field` is the one field of the document.
    pub async fn ask(&self, replica: usize, field: &str, query: &str, variables: &Value) -> Answer {
        let url = format!("http://127.0.0.1:{}/graphql", self.ports[replica % self.ports.len()]);
        let sent = self.client.post(url).json(&json!({ "query": query, "variables": variables })).send().await;
        let mut answer: Value = match sent {
            Ok(answer) => match answer.json().await {
                Ok(answer) => answer,
                Err(problem) => return Answer::Unknown(problem.to_string()),
            },
            Err(problem) => return Answer::Unknown(problem.to_string()),
        };
        if let Some(error) = answer["errors"].get(0) {
            let code = error["extensions"]["code"].as_str().unwrap_or("none").to_owned();
            return match code.as_str() {
                "UNAVAILABLE" | "INTERNAL" | "TIMEOUT" => Answer::Unknown(code),
                "THROTTLED" | "OVERLOADED" | "RATE_LIMITED" => Answer::NotNow(code),
                _other => Answer::Refused(format!("{code}: {}", error["message"])),
            };
        }
        let value = answer["data"][field].take();
        match value["userErrors"].get(0) {
            Some(error) => Answer::Refused(error["code"].as_str().unwrap_or("none").to_owned()),
            None => Answer::Done(value),
        }
    }

    /// Publishes the definitions of the run.
    pub async fn publish(&self, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let query = "mutation($files: [ImportFileInput!]!) { workflowImport(input: { files: $files, publish: true }) {
            results { path outcome problems { severity message } } userErrors { code message } } }";
        let files: Vec<Value> =
            files.iter().map(|(path, content)| json!({ "path": path, "content": content })).collect();
        match self.ask(0, "workflowImport", query, &json!({ "files": files })).await {
            Answer::Done(value) => {
                for result in value["results"].as_array().context("no results")? {
                    if result["outcome"] == "REJECTED" {
                        bail!("{result}");
                    }
                }
                Ok(())
            }
            other => bail!("the definitions were not taken: {other:?}"),
        }
    }

    /// Follows an execution from a cursor over one connection; whether the server has completed the stream.
    ///
    /// Items go to `taken` as they come, so that those before a break are kept.
    pub async fn follow(
        &self,
        replica: usize,
        execution: &str,
        after: Option<&str>,
        mut taken: impl FnMut(Item),
    ) -> anyhow::Result<bool> {
        let address = format!("ws://127.0.0.1:{}/graphql/ws", self.ports[replica % self.ports.len()]);
        let mut request = address.into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let connected = tokio::time::timeout(Duration::from_secs(5), tokio_tungstenite::connect_async(request)).await;
        let (mut stream, _answer) = connected??;
        let query = "subscription($id: ID!, $after: String) { executionUpdated(id: $id, after: $after) {
            cursor event { id sequence type } execution { status } } }";
        stream.send(Message::text(json!({ "type": "connection_init" }).to_string())).await?;
        let payload = json!({ "query": query, "variables": { "id": execution, "after": after } });
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload });
        stream.send(Message::text(subscribe.to_string())).await?;
        loop {
            // A half-dead replica says nothing: another connection goes on from the cursor.
            let frame = tokio::time::timeout(Duration::from_secs(10), stream.next()).await?;
            let text = match frame.context("the connection ended")?? {
                Message::Text(text) => text,
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(reason) => bail!("closed: {reason:?}"),
                Message::Binary(_) | Message::Frame(_) => bail!("an unexpected frame"),
            };
            let message: Value = serde_json::from_str(&text)?;
            match message["type"].as_str() {
                Some("next") => {
                    let payload = &message["payload"];
                    if let Some(errors) = payload.get("errors") {
                        bail!("{errors}");
                    }
                    taken(item(&payload["data"]["executionUpdated"])?);
                }
                Some("complete") => return Ok(true),
                Some("error") => bail!("{}", message["payload"]),
                _hello_or_ping => {}
            }
        }
    }
}

fn item(update: &Value) -> anyhow::Result<Item> {
    let cursor = update["cursor"].as_str().context("an item has a cursor")?.to_owned();
    let event = &update["event"];
    Ok(Item {
        cursor,
        event: event["id"].as_str().map(str::to_owned),
        sequence: event["sequence"].as_i64().unwrap_or(0),
        is_end: matches!(event["type"].as_str(), Some("COMPLETED" | "FAILED" | "CANCELLED")),
    })
}
