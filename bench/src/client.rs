//! A GraphQL client of one kept-alive connection, thin enough not to be what is measured.

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// One connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    /// Connects to `127.0.0.1:port`.
    pub async fn connect(port: u16) -> anyhow::Result<Self> {
        let host = format!("127.0.0.1:{port}");
        let stream = TcpStream::connect(&host).await.with_context(|| format!("connecting to {host}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(problem) = connection.await {
                eprintln!("connection: {problem}");
            }
        });
        Ok(Self { sender, host })
    }

    /// Sends an encoded request, returns the body of the answer.
    pub async fn post(&mut self, body: Bytes) -> anyhow::Result<Bytes> {
        let request = Request::post("/graphql")
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(bytes)
    }

    /// Runs a document and returns its `data`; fails on errors and on user errors of the root field.
    pub async fn run(&mut self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let bytes = self.post(encode(query, &variables)).await?;
        let mut answer: Value = serde_json::from_slice(&bytes)?;
        if answer.get("errors").is_some_and(|errors| !errors.is_null()) {
            bail!("{}", answer["errors"]);
        }
        let data = answer["data"].take();
        let root = data.as_object().and_then(|fields| fields.values().next());
        if let Some(problems) = root.and_then(|root| root["userErrors"].as_array()).filter(|list| !list.is_empty()) {
            bail!("{}", Value::Array(problems.clone()));
        }
        Ok(data)
    }
}

/// A request's body.
pub fn encode(query: &str, variables: &Value) -> Bytes {
    Bytes::from(json!({ "query": query, "variables": variables }).to_string())
}
