//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::shutdown::Shutdown;

/// How a part that works does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// As it should.
    Well,
    /// It works without something that it should have; what, in a few words without names or addresses.
    Degraded(&'static str),
}

/// A part that must work before requests can be served.
pub trait HealthPart: Send + Sync {
    /// Short name, such as `database`.
    fn name(&self) -> &'static str;

    /// Whether nothing can be served without it. A part that is not required is shown, and that is all.
    fn is_required(&self) -> bool {
        true
    }

    /// Proves that the part works, by using it.
    ///
    /// # Errors
    /// What is wrong. It goes to the log; callers of `/readyz` only learn that the part failed.
    fn check(&self) -> BoxFuture<'_, Result<Condition, Box<dyn std::error::Error + Send + Sync>>>;

    /// What else is shown of it, whether it works or not; nothing that callers should not learn.
    fn shows(&self) -> Option<Value> {
        None
    }
}

/// All parts of this process.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<[Arc<dyn HealthPart>]>,
}

impl Health {
    /// Health of these parts; none of them is asked by `/livez`.
    #[must_use]
    pub fn new(parts: Vec<Arc<dyn HealthPart>>) -> Self {
        Self { parts: parts.into() }
    }

    /// Asks every part at once, each with `timeout`.
    pub(crate) async fn report(&self, timeout: Duration, shutdown: &Shutdown) -> Report {
        let checks = self.parts.iter().map(|part| async move {
            let begin = Instant::now();
            let mut note = None;
            let status = match tokio::time::timeout(timeout, part.check()).await {
                Ok(Ok(Condition::Well)) => PartStatus::Ok,
                Ok(Ok(Condition::Degraded(how))) => {
                    note = Some(how);
                    PartStatus::Degraded
                }
                Ok(Err(error)) => {
                    tracing::warn!(part = part.name(), error = %service::chain(&*error), "a part is not ready");
                    PartStatus::Failed
                }
                Err(_elapsed) => {
                    tracing::warn!(part = part.name(), timeout_ms = timeout.as_millis(), "a part does not answer");
                    PartStatus::Silent
                }
            };
            let (name, required) = (part.name(), part.is_required());
            PartReport { name, status, required, took_ms: begin.elapsed().as_millis(), note, state: part.shows() }
        });
        let mut parts = join_all(checks).await;
        if shutdown.has_begun() {
            let status = PartStatus::ShuttingDown;
            parts.push(PartReport { name: "process", status, required: true, took_ms: 0, note: None, state: None });
        }
        Report { parts }
    }
}

/// Answer of `/readyz`.
pub(crate) struct Report {
    parts: Vec<PartReport>,
}

#[derive(Serialize)]
struct PartReport {
    name: &'static str,
    status: PartStatus,
    required: bool,
    took_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum PartStatus {
    Ok,
    Degraded,
    Failed,
    Silent,
    ShuttingDown,
}

impl Report {
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.status, PartStatus::Ok | PartStatus::Degraded) || !part.required)
    }

    /// JSON with a line per part, so that `curl` shows a table; without parts, whether it is ready and no more.
    pub fn to_json(&self, tells_parts: bool) -> String {
        let is_well = self.parts.iter().all(|part| part.status == PartStatus::Ok);
        let status = match (self.is_ready(), is_well) {
            (true, true) => "ready",
            (true, false) => "degraded",
            (false, _) => "not_ready",
        };
        if !tells_parts {
            let status = if self.is_ready() { "ready" } else { "not_ready" };
            return format!("{{\"status\": \"{status}\"}}\n");
        }
        let lines: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("  {}", serde_json::to_string(part).expect("a report has text keys and plain values")))
            .collect();
        format!("{{\"status\": \"{status}\", \"parts\": [\n{}\n]}}\n", lines.join(",\n"))
    }
}
