//! What a block `json test` says: the world of one run, and what comes of it.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The payload.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// The event that the execution is started by, if a trigger fits.
    pub event: Option<String>,
    /// Answers to HTTP calls and GraphQL requests, in the order of the calls.
    #[serde(default)]
    pub http: Vec<Answer>,
    /// Answers of systems of records, in the order of the calls.
    #[serde(default)]
    pub records: Vec<Answer>,
    /// Answers of models, in the order of the questions: `body` is the action's output.
    #[serde(default)]
    pub models: Vec<Answer>,
    /// Values of the organization's secrets.
    #[serde(default)]
    pub secrets: Map<String, Value>,
    /// Values of its variables.
    #[serde(default)]
    pub vars: Map<String, Value>,
    /// What is told of its services.
    #[serde(default)]
    pub integrations: Map<String, Value>,
    /// Resources that can be loaded.
    #[serde(default)]
    pub loads: Map<String, Value>,
    /// Ends of child executions, in the order of their starts.
    #[serde(default)]
    pub children: Vec<Child>,
    /// What happens from outside, in order.
    #[serde(default)]
    pub signals: Vec<Happening>,
    pub expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What the call must look like, as a subset.
    pub request: Option<Value>,
    pub status: Option<u16>,
    #[serde(default)]
    pub body: Value,
    /// `timeout` or `connection` instead of an answer.
    pub error: Option<String>,
    pub retry_after: Option<String>,
    /// How long it takes.
    pub takes: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    #[serde(default)]
    pub output: Value,
    /// Code of the error with which it failed.
    pub error: Option<String>,
}

/// One thing from outside; `expect` is looked at just before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Time since the start.
    pub after: String,
    pub expect: Option<Expect>,
    pub event: Option<String>,
    #[serde(default)]
    pub payload: Value,
    /// Who approves.
    pub approve: Option<String>,
    /// Who rejects.
    pub reject: Option<String>,
    pub reason: Option<String>,
    #[serde(default)]
    pub form: Value,
    #[serde(default)]
    pub pause: bool,
    /// Data to resume with.
    pub resume: Option<Value>,
    pub at_step: Option<String>,
    /// Why it is cancelled.
    pub cancel: Option<String>,
}

/// What must be so; only what is said is compared.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Of the execution; `refused` when the input does not fit, `not_started` when no trigger does.
    pub status: Option<String>,
    pub result: Option<String>,
    /// Of the last decision.
    pub reason: Option<String>,
    /// Of the last decision.
    pub metadata: Option<Value>,
    /// Code of the execution's error.
    pub error: Option<String>,
    pub failed_step: Option<String>,
    /// As a subset.
    pub context: Option<Value>,
    /// Paths of the steps that began, in order.
    pub steps: Option<Vec<String>>,
    pub logs: Option<Vec<String>>,
    pub warnings: Option<Vec<String>>,
    /// Events that were emitted, as subsets.
    pub emitted: Option<Vec<Value>>,
    /// Messages to people, as subsets.
    pub notified: Option<Vec<Value>>,
    /// Executions that were started, as subsets.
    pub started: Option<Vec<Value>>,
    /// Approvals that are open, as subsets.
    pub approvals: Option<Vec<Value>>,
    /// Time since the start.
    pub elapsed: Option<String>,
}
