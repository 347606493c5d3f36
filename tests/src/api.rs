//! A client of the API, for tests: asks, and fails loudly.

use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::eventually;

/// The door of one server.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Api {
    /// The server at a port of this machine.
    ///
    /// # Panics
    /// When no client can be built.
    #[must_use]
    pub fn new(port: u16) -> Self {
        // Another test of this process may have installed it already.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(40))
            .build()
            .expect("the client has no settings that can fail");
        Self { client, url: format!("http://127.0.0.1:{port}") }
    }

    /// Waits until the server says that it is ready.
    pub async fn ready(&self) {
        eventually("the server is ready", || async {
            self.get("/readyz").send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// A GET request to a path.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// A POST request to `/graphql`, without body or headers.
    pub fn post(&self) -> RequestBuilder {
        self.client.post(format!("{}/graphql", self.url))
    }

    /// The answer to a document, whatever it says.
    ///
    /// # Errors
    /// When the server does not answer with JSON.
    pub async fn answer(&self, query: &str, variables: Value) -> reqwest::Result<Value> {
        self.post().json(&json!({ "query": query, "variables": variables })).send().await?.json().await
    }

    /// The `data` of an answer without errors.
    ///
    /// # Panics
    /// When there are errors.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await.unwrap_or_else(|problem| panic!("{query}: {problem}"));
        assert!(answer.get("errors").is_none(), "{query}: {}", answer["errors"]);
        answer["data"].take()
    }

    /// Publishes definitions; returns the results, file by file.
    pub async fn import(&self, files: &[(&str, &str)]) -> Value {
        let files: Vec<Value> =
            files.iter().map(|(path, content)| json!({ "path": path, "content": content })).collect();
        let query = "mutation($files: [ImportFileInput!]!) { workflowImport(input: { files: $files, publish: true }) {
            results { path outcome workflow { id slug isEnabled } problems { code severity message pointer stepKey suggestion source { startLine startColumn } } }
            userErrors { code message } } }";
        let mut data = self.data(query, json!({ "files": files })).await;
        data["workflowImport"]["results"].take()
    }

    /// Starts an execution and waits for its end; returns it.
    ///
    /// # Panics
    /// When it is refused, or does not end in time.
    pub async fn run(&self, workflow: &str, input: Value) -> Value {
        let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) {
            execution { id status error { code message stepPath } decision { outcome reason metadata stepPath why { summary result children { summary result } } }
              steps(first: 100) { nodes { path stepKey status output { value } error { code message } attempts { number status idempotencyKey } branch { to why { summary result } } } } }
            isNew userErrors { code message field } } }";
        let input =
            json!({ "workflow": { "slug": workflow }, "input": input, "wait": "COMPLETION", "waitTimeout": "30s" });
        let mut data = self.data(query, json!({ "i": input })).await;
        let mut payload = data["executionStart"].take();
        assert_eq!(payload["userErrors"], json!([]), "{workflow}");
        payload["execution"].take()
    }

    /// Starts an execution without waiting; returns its id.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn start(&self, workflow: &str, input: Value, idempotency_key: &str) -> Result<String, String> {
        let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } userErrors { code message } } }";
        let input = json!({ "workflow": { "slug": workflow }, "input": input, "idempotencyKey": idempotency_key });
        let answer = self.answer(query, json!({ "i": input })).await.map_err(|problem| problem.to_string())?;
        let id = answer["data"]["executionStart"]["execution"]["id"].as_str();
        id.map(str::to_owned).ok_or_else(|| answer.to_string())
    }

    /// Subscribes over server-sent events.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Events {
        let answer = self
            .post()
            .header("accept", "text/event-stream")
            .timeout(Duration::from_mins(2))
            .json(&json!({ "query": query, "variables": variables }))
            .send()
            .await
            .unwrap_or_else(|problem| panic!("{query}: {problem}"));
        assert!(answer.status().is_success(), "{query}: {}", answer.status());
        Events::of(answer)
    }
}

/// The items of a subscription.
pub struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    buffer: String,
}

impl Events {
    fn of(answer: Response) -> Self {
        let bytes = answer.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec())).boxed();
        Self { bytes, buffer: String::new() }
    }

    /// The next item; `None` when the server has completed the subscription.
    ///
    /// # Panics
    /// When the connection breaks, or nothing comes for half a minute.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                let mut event = "message";
                let mut data = String::new();
                for line in block.lines() {
                    if let Some(name) = line.strip_prefix("event:") {
                        event = name.trim();
                    } else if let Some(text) = line.strip_prefix("data:") {
                        data.push_str(text.trim_start());
                    }
                }
                match event {
                    "next" => {
                        return Some(serde_json::from_str(&data).unwrap_or_else(|problem| panic!("{data}: {problem}")));
                    }
                    "complete" => return None,
                    _keep_alive => {}
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.bytes.next()).await;
            match chunk.expect("something comes within half a minute") {
                Some(Ok(bytes)) => self.buffer.push_str(&String::from_utf8_lossy(&bytes).replace("\r\n", "\n")),
                Some(Err(problem)) => panic!("the subscription broke: {problem}"),
                None => return None,
            }
        }
    }
}
