//! What leaves the process, and what comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{LoaderKind, RecordOperation};
use crate::{Name, Timestamp};

/// Path of a step execution, with iteration where it lies in a loop: `charge_items[17].refund`.
pub type StepPath = Name;

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
    /// Stands for secrets in the request; absent when the action names none.
    pub secrets: Option<SecretMarks>,
    /// It was put off, and this is the moment that it was given: it goes without asking again.
    pub has_turn: bool,
}

/// How secrets stand in a rendered request: as `mark NAME end`, which whoever makes the call replaces by the
/// value. The mark occurs nowhere else in the request, so nothing that came from outside can name a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMarks {
    /// Begins each.
    pub mark: String,
    /// Ends each.
    pub end: String,
    /// The names that the action's own text has; no others are replaced.
    pub names: Vec<String>,
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
    /// A GraphQL request.
    Graphql(GraphqlCall),
    /// A call to a system of records.
    Record(RecordCall),
    /// A message to people.
    Notify(Notification),
    /// A question to a model.
    Model(Box<ModelCall>),
    /// What the organization and its services have for this execution, before its first step.
    Load(Box<Loads>),
}

/// A rendered GraphQL request.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphqlCall {
    /// Where it goes.
    pub to: CallTo,
    /// The document.
    pub query: String,
    /// An object, or null.
    pub variables: Value,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallTo {
    /// An absolute address.
    Url(String),
    /// A service of the organization, by name.
    Service(String),
}

/// A rendered call to a system of records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordCall {
    /// What to do.
    pub operation: RecordOperation,
    /// Kind of record.
    pub entity: String,
    /// Which one; a record that is made may leave it to the service.
    pub entity_id: Option<String>,
    /// The record's fields; null without any.
    pub data: Value,
    /// Name of the service; the one that has the entity when absent.
    pub service: Option<String>,
}

/// A rendered message to people.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Whom, as the definition writes them: an address, `role:NAME`, `slack:#channel` …; never empty.
    pub recipients: Vec<String>,
    /// The text; absent when a template of the organization has it.
    pub message: Option<String>,
    /// One line above it.
    pub subject: Option<String>,
    /// `email`, `slack` …: how recipients are reached that do not say it themselves.
    pub channel: Option<String>,
    /// Name of a template of the organization.
    pub template: Option<String>,
    /// What the template reads, and what receivers that take data get; null without any.
    pub data: Value,
    /// Whom earlier tries of the step have told, as their answers named them in `delivered[].to`.
    pub told: Vec<String>,
}

/// A rendered question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// Name of the service; the only one of its kind when absent.
    pub provider: Option<String>,
    /// Name of the model.
    pub model: String,
    /// Instructions.
    pub system: Option<String>,
    /// The question; absent when a template of the organization has it.
    pub prompt: Option<String>,
    /// Name of a template of the organization.
    pub template: Option<String>,
    /// JSON Schema that the answer has to fit.
    pub schema: Option<Value>,
    /// Bound on the answer.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// Names of workflows that the model may ask to start; a list, or null.
    pub tools: Value,
}

/// What is fetched before the first step.
#[derive(Debug, Clone, PartialEq)]
pub struct Loads {
    /// Each is fetched by itself, at the same time.
    pub resources: Vec<Load>,
    /// Names of the organization's variables that the definition reads.
    pub variables: Vec<String>,
    /// Names of the organization's services that the definition reads as `integrations.NAME`.
    pub integrations: Vec<String>,
    /// What templates of registered resources read: the payload with everything written over it.
    pub context: Value,
}

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// Without it the execution goes on.
    pub is_optional: bool,
    /// How it is fetched; as the organization registered it when absent.
    pub source: Option<LoadSource>,
}

/// How a resource is fetched that says it itself.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSource {
    /// Sort of system.
    pub kind: LoaderKind,
    /// Name of the service.
    pub service: Option<String>,
    /// Path below the service's address, an absolute address, or the entity of a record.
    pub path: Option<String>,
    /// The document, the statement, or (for `http`) an object added to the address.
    pub query: Value,
    /// Key in Redis, or id of a record.
    pub key: Option<String>,
    /// Variables or parameters.
    pub params: Value,
    /// How long an answer may be kept; not at all when absent.
    pub cache_ttl: Option<Duration>,
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
    /// Name and password, for `authorization: Basic …`; the caller encodes them, for they may be secrets.
    pub basic: Option<(String, String)>,
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
