//! What stands in for the world: answers to HTTP calls, ends of other executions.

use std::fmt::Write as _;
use std::time::Duration;

use engine::machine::{EffectOutcome, ErrorClass, HttpRequest, Signal, StepError};
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
    /// Address, without or with its query; `*` stands for anything. Any when absent.
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

impl HttpStub {
    fn fits(&self, step: &str, request: &HttpRequest, url: &str) -> bool {
        self.step.as_ref().is_none_or(|name| name == step || step.rsplit('.').next() == Some(name))
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && (glob(&self.url, &request.url) || glob(&self.url, url))
    }
}

/// The answer to a call, and how long it takes; `counts` has how often each stub was asked.
pub(crate) fn answer(
    stubs: &[HttpStub],
    counts: &mut Vec<usize>,
    step: &str,
    request: &HttpRequest,
    timeout: Duration,
) -> (EffectOutcome, Duration) {
    let url = with_query(request);
    counts.resize(stubs.len(), 0);
    let Some(index) = stubs.iter().position(|stub| stub.fits(step, request, &url) && !stub.responses.is_empty()) else {
        let message = format!("{} {url} has no stub", request.method);
        return (EffectOutcome::Failed(StepError::other("NO_STUB", message)), Duration::ZERO);
    };
    let responses = &stubs[index].responses;
    let answer = &responses[counts[index].min(responses.len() - 1)];
    counts[index] += 1;
    let delay = Duration::from_millis(answer.delay_ms);
    if answer.error == Some(StubbedError::Timeout) || delay >= timeout {
        let message = format!("{} {url}: no complete answer within {timeout:?}", request.method);
        let error = StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("STEP_TIMEOUT", message) };
        return (EffectOutcome::Failed(error), timeout);
    }
    if answer.error == Some(StubbedError::Connection) {
        let message = format!("{} {url}: the connection was refused", request.method);
        let error =
            StepError { retryable_class: ErrorClass::Connection, ..StepError::other("CONNECTION_REFUSED", message) };
        return (EffectOutcome::Failed(error), delay);
    }
    let outcome = if request.expects(answer.status) {
        let headers: Map<String, Value> =
            answer.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        EffectOutcome::Succeeded { output: json!({ "status": answer.status, "headers": headers, "body": answer.body }) }
    } else {
        EffectOutcome::Failed(unexpected(request, &url, answer))
    };
    (outcome, delay)
}

fn unexpected(request: &HttpRequest, url: &str, answer: &StubbedAnswer) -> StepError {
    let wait = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let wait = wait.and_then(|(_, value)| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    StepError {
        status: Some(answer.status),
        retryable_class: ErrorClass::Http(answer.status),
        retry_after: wait.map(Duration::from_secs),
        detail: Some(json!({ "status": answer.status, "body": answer.body })),
        ..StepError::other("HTTP_STATUS", format!("{} {url}: answered with status {}", request.method, answer.status))
    }
}

/// The address that is called.
pub(crate) fn with_query(request: &HttpRequest) -> String {
    let mut url = request.url.clone();
    for (index, (name, value)) in request.query.iter().enumerate() {
        let mark = if index == 0 && !url.contains('?') { '?' } else { '&' };
        let _written = write!(url, "{mark}{name}={value}");
    }
    url
}

/// How an execution of another workflow ends.
pub(crate) fn end(stubs: &[WorkflowStub], counts: &mut Vec<usize>, workflow: &str, execution: &str) -> Option<Signal> {
    counts.resize(stubs.len(), 0);
    let index = stubs.iter().position(|stub| stub.workflow_id == workflow && !stub.responses.is_empty())?;
    let responses = &stubs[index].responses;
    let end = &responses[counts[index].min(responses.len() - 1)];
    counts[index] += 1;
    let output = json!({
        "execution_id": execution, "status": end.status, "result": end.result, "decision": null, "context": end.context,
    });
    let error = match end.status.as_str() {
        "completed" => None,
        "cancelled" => Some(StepError::other("CANCELLED", "it was cancelled")),
        _failed => Some(StepError::other("FAILED", "it failed")),
    };
    Some(Signal::ChildEnded { execution: execution.to_owned(), output, error })
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
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
