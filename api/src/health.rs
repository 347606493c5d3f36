//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::time::Instant;

use crate::shutdown::Shutdown;

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
    fn check(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>>;
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
            let status = match tokio::time::timeout(timeout, part.check()).await {
                Ok(Ok(())) => PartStatus::Ok,
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
            PartReport { name, status, required, took_ms: begin.elapsed().as_millis() }
        });
        let mut parts = join_all(checks).await;
        if shutdown.has_begun() {
            let status = PartStatus::ShuttingDown;
            parts.push(PartReport { name: "process", status, required: true, took_ms: 0 });
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
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum PartStatus {
    Ok,
    Failed,
    Silent,
    ShuttingDown,
}

impl Report {
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| part.status == PartStatus::Ok || !part.required)
    }

    /// JSON with a line per part, so that `curl` shows a table.
    pub fn to_json(&self) -> String {
        let status = if self.is_ready() { "ready" } else { "not_ready" };
        let lines: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("  {}", serde_json::to_string(part).expect("a report has text keys and plain values")))
            .collect();
        format!("{{\"status\": \"{status}\", \"parts\": [\n{}\n]}}\n", lines.join(",\n"))
    }
}
