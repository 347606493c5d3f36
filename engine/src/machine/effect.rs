//! What leaves the process, and what comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// Path of a step execution, with iteration where it lies in a loop: `charge_items[17].refund`.
pub type StepPath = String;

/// Names one effect within its execution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectId {
    /// The step execution.
    pub step: StepPath,
    /// Its attempt, 1, 2, 3 …
    pub attempt: u32,
    /// Place of the action in the step's list.
    pub action: u32,
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Which one.
    pub id: EffectId,
    /// Stable idempotency key, `execution/path/passage/action`: the same after a crash and for every
    /// attempt of the step, another when the flow comes to the step again.
    pub key: String,
    /// Bound on the call.
    pub timeout: Duration,
    /// What to do.
    pub request: EffectRequest,
    /// It was put off, and this is the moment that it was given: it goes without asking again.
    pub has_turn: bool,
}

/// What an effect does.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectRequest {
    /// An HTTP call.
    Http(HttpRequest),
    /// An event for the organization.
    EmitEvent {
        /// Its name.
        event: String,
        /// Its data.
        payload: Value,
    },
    /// An execution of another workflow.
    StartWorkflow {
        /// Its slug.
        workflow_id: String,
        /// What it is started with.
        input: Value,
        /// Number of its version; the published one when absent.
        version: Option<u32>,
        /// Whether this execution waits for its end.
        waits: bool,
    },
}

/// A rendered HTTP call.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// Signed when there is a secret for it.
    pub is_webhook: bool,
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Sorted by name, `authorization` made from `auth` last.
    pub headers: Vec<(String, String)>,
    /// Added to the URL; sorted by name, values of one name in the order written.
    pub query: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Body>,
    /// Statuses that count as success; empty means 200 to 299.
    pub expect_status: Vec<u16>,
    /// Bound on the answer's body.
    pub max_response_bytes: Option<u64>,
}

impl HttpRequest {
    /// Whether an answer of this status is a success: 200 to 299 when the action names none.
    #[must_use]
    pub fn expects(&self, status: u16) -> bool {
        if self.expect_status.is_empty() { (200..300).contains(&status) } else { self.expect_status.contains(&status) }
    }
}

/// What an HTTP call sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// As `application/json`.
    Json(Value),
    /// As it is.
    Text(String),
    /// As `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectOutcome {
    /// It was done.
    Succeeded {
        /// What it answered.
        output: Value,
    },
    /// It was not, or not as wanted.
    Failed(StepError),
    /// Nothing left: the rate of calls to its service lets it go later. That is no failure and no attempt.
    PutOff {
        /// When to begin it again.
        until: Timestamp,
        /// The moment is its own, so it need not ask again.
        has_turn: bool,
    },
}

/// Sorts of failures, for `retry_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It took too long.
    Timeout,
    /// The other side was not reached, or the connection broke.
    Connection,
    /// The other side answered with this status.
    Http(u16),
    /// Anything else.
    Other,
}

/// Why an action, and with it a step, failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `retry_on`.
    pub retryable_class: ErrorClass,
    /// The other side's wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// Further data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

impl StepError {
    /// An error that no retry class but `*` and its code covers.
    #[must_use]
    pub fn other(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            status: None,
            retryable_class: ErrorClass::Other,
            retry_after: None,
            detail: None,
        }
    }
}
