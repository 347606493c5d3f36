//! What stands in for the world: answers to calls, ends of other executions.

use engine::definition::RecordOperation;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Answers to some HTTP calls, in order; the last one repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpStub {
    /// Id or path of the step that calls; any when absent.
    #[serde(default)]
    pub step: Option<String>,
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Address, without or with its query; `*` stands for anything. Any when absent. A service of the organization
    /// that is asked by GraphQL is `service:NAME`.
    #[serde(default = "anything")]
    pub url: String,
    /// The answers.
    pub responses: Vec<StubbedAnswer>,
}

/// One answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedAnswer {
    /// Status, 200 when absent.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// Body: JSON, or a text.
    #[serde(default)]
    pub body: Value,
    /// `timeout` or `connection`: there is no answer.
    #[serde(default)]
    pub error: Option<StubbedError>,
    /// How long it takes.
    #[serde(default)]
    pub delay_ms: u64,
}

fn anything() -> String {
    "*".to_owned()
}

const fn ok() -> u16 {
    200
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StubbedError {
    /// It takes longer than the step has.
    Timeout,
    /// The other side is not reached.
    Connection,
}

/// Answers to some GraphQL requests, in order; the last one repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphqlStub {
    /// Id or path of the step that asks; any when absent.
    #[serde(default)]
    pub step: Option<String>,
    /// Address, or `service:NAME`; `*` stands for anything. Any when absent.
    #[serde(default = "anything")]
    pub url: String,
    /// The answers.
    pub responses: Vec<StubbedData>,
}

/// One answer to a GraphQL request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedData {
    /// What was asked for.
    #[serde(default)]
    pub data: Value,
    /// What went wrong.
    #[serde(default)]
    pub errors: Vec<Value>,
    /// Whatever else the service tells.
    #[serde(default)]
    pub extensions: Value,
    /// Status, 200 when absent.
    #[serde(default = "ok")]
    pub status: u16,
    /// `timeout` or `connection`: there is no answer.
    #[serde(default)]
    pub error: Option<StubbedError>,
    /// How long it takes.
    #[serde(default)]
    pub delay_ms: u64,
}

impl StubbedData {
    /// The same as an answer over HTTP.
    pub(crate) fn over_http(&self) -> StubbedAnswer {
        let mut body = json!({ "data": self.data });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        if !self.extensions.is_null() {
            body["extensions"] = self.extensions.clone();
        }
        let (status, error, delay_ms) = (self.status, self.error, self.delay_ms);
        StubbedAnswer { status, headers: Map::new(), body, error, delay_ms }
    }
}

/// Answers of systems of records, in order; the last one repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordStub {
    /// Id or path of the step that calls; any when absent.
    #[serde(default)]
    pub step: Option<String>,
    /// `create`, `update`, `delete` or `get`; any when absent.
    #[serde(default)]
    pub operation: Option<OperationName>,
    /// Kind of record; any when absent.
    #[serde(default)]
    pub entity: Option<String>,
    /// Which one; any when absent.
    #[serde(default)]
    pub entity_id: Option<String>,
    /// The service that the action names; any when absent.
    #[serde(default)]
    pub service: Option<String>,
    /// The answers.
    pub responses: Vec<StubbedAnswer>,
}

/// What is done to a record, in the words of case files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationName {
    /// It is made.
    Create,
    /// Some of it is changed.
    Update,
    /// It is taken away.
    Delete,
    /// It is read.
    Get,
}

impl OperationName {
    pub(crate) const fn of(operation: RecordOperation) -> Self {
        match operation {
            RecordOperation::Create => Self::Create,
            RecordOperation::Update => Self::Update,
            RecordOperation::Delete => Self::Delete,
            RecordOperation::Get => Self::Get,
        }
    }

    /// Name in case files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Get => "get",
        }
    }
}

/// What becomes of messages to some recipients, in order; the last one repeats. Others arrive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyStub {
    /// Id or path of the step that tells them; any when absent.
    #[serde(default)]
    pub step: Option<String>,
    /// Who is told, as the definition writes it; `*` stands for anything. Any when absent.
    #[serde(default = "anything")]
    pub recipient: String,
    /// The answers; a status outside 200 to 299 is a failure.
    pub responses: Vec<StubbedAnswer>,
}

/// Answers of models, in order; the last one repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelStub {
    /// Id or path of the step that asks; any when absent.
    #[serde(default)]
    pub step: Option<String>,
    /// Name of the service that the action names; any when absent.
    #[serde(default)]
    pub provider: Option<String>,
    /// Name of the model; any when absent.
    #[serde(default)]
    pub model: Option<String>,
    /// The answers.
    pub responses: Vec<StubbedCompletion>,
}

/// One answer of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedCompletion {
    /// What it says; the text of `json` when absent.
    #[serde(default)]
    pub text: Option<String>,
    /// What it says, where an answer with a schema is wanted; the text as JSON when absent.
    #[serde(default)]
    pub json: Value,
    /// Tokens that were read and written.
    #[serde(default)]
    pub usage: Value,
    /// What it cost.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Why it ended; `stop` when absent.
    #[serde(default)]
    pub finish: Option<String>,
    /// Workflows that it asks for: `[{name, input}]`.
    #[serde(default)]
    pub tool_calls: Vec<Value>,
    /// Status, 200 when absent.
    #[serde(default = "ok")]
    pub status: u16,
    /// `timeout` or `connection`: there is no answer.
    #[serde(default)]
    pub error: Option<StubbedError>,
    /// How long it takes.
    #[serde(default)]
    pub delay_ms: u64,
}

impl StubbedCompletion {
    /// How it came, without what it says.
    pub(crate) fn over_http(&self) -> StubbedAnswer {
        let (status, error, delay_ms) = (self.status, self.error, self.delay_ms);
        StubbedAnswer { status, headers: Map::new(), body: Value::Null, error, delay_ms }
    }
}

/// Ends of executions of another workflow, in order; the last one repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowStub {
    /// Its slug.
    pub workflow_id: String,
    /// How they end.
    pub responses: Vec<StubbedEnd>,
}

/// How an execution of another workflow ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedEnd {
    /// `completed`, `failed` or `cancelled`.
    #[serde(default = "completed")]
    pub status: String,
    /// Its result, such as `allowed`.
    #[serde(default)]
    pub result: Option<String>,
    /// What it has written.
    #[serde(default)]
    pub context: Map<String, Value>,
}

fn completed() -> String {
    "completed".to_owned()
}

/// Whether a stub that names `wanted` is meant for the step at this path.
pub(crate) fn is_for_step(wanted: Option<&String>, path: &str) -> bool {
    wanted.is_none_or(|name| name == path || path.rsplit('.').next() == Some(name))
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("https://a/b", "https://a/b", true),
            ("https://a/b", "https://a/bc", false),
            ("https://a/*", "https://a/b?c=d", true),
            ("*/orders/*/items", "https://a/orders/7/items", true),
            ("*/orders/*/items", "https://a/orders/7/item", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
