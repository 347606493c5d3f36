//! The systems around an organization, all on this machine, and what the organization sets up to call them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::{Api, Asked, Recorder, serve_keys};

/// The secret that the organization calls most of them with.
pub const TOKEN: &str = "tok-9f2c-of-the-neighbours";

/// The systems around an organization; they end with the test's runtime.
#[derive(Debug)]
pub struct Neighbours {
    /// All that speak HTTP, each below a path of its own.
    pub server: Recorder,
    keys: String,
    mails: tempfile::TempDir,
}

impl Neighbours {
    /// Begins them.
    ///
    /// # Panics
    /// When loopback has no free ports.
    pub async fn start() -> Self {
        let records = Mutex::new(BTreeMap::from([("invoice/i-1".to_owned(), json!({ "id": "i-1", "total": 3 }))]));
        let server = Recorder::start(move |asked| answer(asked, &records)).await;
        let keys = serve_keys(&[("tier:ada", "gold"), ("limits:ada", "{\"day\":100}")]).await;
        Self { server, keys, mails: tempfile::tempdir().expect("there is a temporary folder") }
    }

    /// `SLUICE_MAIL_URL` of a server whose mails can be read here.
    #[must_use]
    pub fn mail_url(&self) -> String {
        format!("file:{}", self.mails.path().display())
    }

    /// The mails that were sent so far, whole.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.mails.path()).into_iter().flatten().flatten();
        let mails = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "eml"));
        mails.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
    }

    /// Sets up in the organization what calls them.
    ///
    /// # Panics
    /// When something is refused.
    pub async fn introduce(&self, api: &Api) {
        let url = |path: &str| format!("{}{path}", self.server.url);
        let token = api.secret("token", TOKEN, &["127.0.0.1"]).await;
        let key = api.secret("partner_key", "correct horse battery", &["127.0.0.1"]).await;
        api.secret("hook_key", "what the sender signs with", &[]).await;
        api.variable("rate", json!(5)).await;
        let bearer = json!({ "kind": "BEARER", "secretId": token });
        let api_key = json!({ "kind": "API_KEY", "secretId": token, "headerName": "x-service-key" });
        let hmac = json!({ "kind": "HMAC", "secretId": key });
        let crm = api.service("crm", "HTTP", &url("/crm"), bearer.clone(), json!({ "timeout": "10s" })).await;
        api.service("catalog", "GRAPHQL", &url("/graphql"), api_key.clone(), json!({})).await;
        api.service("books", "RECORDS", &url("/records"), bearer.clone(), json!({ "entities": ["invoice"] })).await;
        api.service("keys", "REDIS", &self.keys, Value::Null, json!({})).await;
        // Nothing listens there: what asks it is only checked, or is tried where there is a database.
        api.service(
            "ledger",
            "SQL",
            "postgres://127.0.0.1:1/ledger?sslmode=disable",
            Value::Null,
            json!({ "username": "reader" }),
        )
        .await;
        api.service("partner", "HTTP", &url("/partner"), hmac, json!({})).await;
        let late = json!({ "late": { "subject": "Late", "message": "Order {{id}} is late" } });
        let slack = json!({ "recipient_prefix": "slack", "templates": late });
        api.service("chat", "CHAT", &url("/slack"), bearer.clone(), slack).await;
        api.service("pager", "CHAT", &url("/pager"), bearer.clone(), json!({ "recipient_prefix": "pagerduty" })).await;
        api.service("texts", "CHAT", &url("/sms"), bearer.clone(), json!({ "recipient_prefix": "sms" })).await;
        let prices = json!({ "small": { "input": 1_000, "output": 2_000 } });
        let openai = json!({ "format": "openai", "prices": prices });
        api.service("model", "AI", &url("/openai"), bearer, openai).await;
        let anthropic =
            json!({ "format": "anthropic", "templates": { "summary": { "message": "Say that all is well." } } });
        api.service("claude", "AI", &url("/anthropic"), api_key, anthropic).await;
        api.resource("order.details", &crm, json!({ "path": "/orders/{{order.id}}" })).await;
    }
}

fn answer(asked: &Asked, records: &Mutex<BTreeMap<String, Value>>) -> (u16, Value) {
    let path = asked.path.split('?').next().unwrap_or_default();
    match path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), "")) {
        ("crm", "customers/ada") => (200, json!({ "name": "Ada", "authorization": asked.header("authorization") })),
        ("crm", "orders/o-1") => (200, json!({ "weight": 3 })),
        ("graphql", "") => graphql(&asked.json()),
        ("records", place) => record(asked, place, &mut records.lock().unwrap_or_else(PoisonError::into_inner)),
        ("slack", _) if asked.json()["channel"] == "#closed" => (200, json!({ "ok": false, "error": "is_archived" })),
        ("slack", _) => (200, json!({ "ok": true, "ts": "1.2" })),
        ("pager", _) => (202, json!({ "status": "success", "dedup_key": asked.json()["dedup_key"] })),
        ("sms", _) => (201, json!({ "id": "sms-1" })),
        ("partner", _) => (200, json!({ "ok": true })),
        ("openai", "chat/completions") => openai(&asked.body),
        ("anthropic", "messages") => anthropic(),
        _nobody => (404, json!({ "message": "there is nothing here" })),
    }
}

fn graphql(asked: &Value) -> (u16, Value) {
    if asked["variables"]["id"] == "none" {
        return (200, json!({ "data": null, "errors": [{ "message": "no such order" }] }));
    }
    (200, json!({ "data": { "order": { "total": 7 } } }))
}

/// A system of records: what it is told it has.
fn record(asked: &Asked, place: &str, records: &mut BTreeMap<String, Value>) -> (u16, Value) {
    let place = place.to_owned();
    match asked.method.as_str() {
        "PUT" if place.ends_with("/taken") => (409, json!({ "message": "somebody was faster" })),
        "POST" => {
            let id = format!("i-{}", records.len() + 1);
            let mut made = asked.json();
            made["id"] = json!(id);
            records.insert(format!("{place}/{id}"), made.clone());
            (201, made)
        }
        "PUT" => {
            records.insert(place, asked.json());
            (200, asked.json())
        }
        "PATCH" => match records.get_mut(&place) {
            Some(record) => {
                for (name, value) in asked.json().as_object().into_iter().flatten() {
                    record[name] = value.clone();
                }
                (200, record.clone())
            }
            None => (404, json!({})),
        },
        "DELETE" => (if records.remove(&place).is_some() { 204 } else { 404 }, json!({})),
        _get => records.get(&place).map_or((404, json!({})), |record| (200, record.clone())),
    }
}

fn openai(asked: &str) -> (u16, Value) {
    let said = if asked.contains("unknown") { "I do not know" } else { "{\"risk\":0.5}" };
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 });
    (200, json!({ "id": "c-1", "object": "chat.completion", "model": "small", "choices": [choice], "usage": usage }))
}

fn anthropic() -> (u16, Value) {
    let content = json!([{ "type": "text", "text": "All is well." }]);
    let usage = json!({ "input_tokens": 5, "output_tokens": 2 });
    let mut answer = json!({ "id": "m-1", "type": "message", "role": "assistant", "model": "large" });
    answer["content"] = content;
    answer["stop_reason"] = json!("end_turn");
    answer["usage"] = usage;
    (200, answer)
}
