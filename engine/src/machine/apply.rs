//! The fold: how each event changes the state. Total, and the only place that changes it.

use serde_json::{Map, Value, json};

use super::effect::StepError;
use super::event::Event;
use super::outcome::Outcome;
use super::state::{Active, Phase, ROOT, ScopeId, ScopeState, State, Status};
use crate::Timestamp;

/// Applies one event.
pub fn apply(state: &mut State, event: &Event) {
    if let Some(at) = event.at() {
        state.last_at = state.last_at.max(at);
    }
    match event {
        Event::Accepted => state.status = Status::Queued,
        Event::Started { at, step } => {
            let active = Some(at_step("", step, 1));
            let root = ScopeState { parent: None, prefix: String::new(), locals: Map::new(), active };
            state.scopes.insert(ROOT, root);
            run(state, *at);
        }
        Event::Resumed { at } => run(state, *at),
        Event::Suspended { at } => {
            stop_running(state, *at);
            state.status = Status::Waiting;
        }
        Event::StepStarted { path, attempt, at, .. } => {
            state.steps_taken = state.steps_taken.saturating_add(1);
            if let Some(active) = active_at(state, path) {
                active.attempt = *attempt;
                active.phase = Phase::Actions { next: 0, outputs: Vec::new(), in_flight: false, now: *at };
            }
        }
        Event::ActionStarted { path, .. } => {
            if let Some(Phase::Actions { in_flight, .. }) = active_at(state, path).map(|active| &mut active.phase) {
                *in_flight = true;
            }
        }
        Event::ActionFinished { path, output, error, .. } => action_finished(state, path, output, error.as_ref()),
        Event::StepSucceeded { path, step, output, to, .. } => {
            let attempts = active_at(state, path).map_or(1, |active| active.attempt);
            let output = ("output", output.clone());
            finish(state, path, step, record("succeeded", attempts, Some(output)), to.as_deref());
        }
        Event::StepSkipped { path, step, to, .. } => {
            state.steps_taken = state.steps_taken.saturating_add(1);
            finish(state, path, step, record("skipped", 0, None), to.as_deref());
        }
        Event::RetryScheduled { path, attempt, due_at, .. } => {
            if let Some(active) = active_at(state, path) {
                active.attempt = attempt.saturating_add(1);
                active.phase = Phase::Backoff { due_at: *due_at };
            }
        }
        Event::StepFailed { path, step, attempt, error, to, .. } => {
            let error = error_value(error, Some(step));
            let shown = ("error", error.clone());
            finish(state, path, step, record("failed", *attempt, Some(shown)), to.as_deref());
            write(state, "error", &error);
        }
        Event::Decided(decision) => state.decision = Some(decision.clone()),
        Event::ContextSet { path, value } => write(state, path, value),
        Event::Logged { .. } | Event::Warned { .. } => {}
        Event::Completed { result, at } => {
            stop_running(state, *at);
            state.status = Status::Completed;
            state.result = Some(*result);
            state.scopes.clear();
        }
        Event::Failed { error, step, at } => {
            stop_running(state, *at);
            state.status = Status::Failed;
            state.result = Some(Outcome::Failed);
            state.error = Some(error.clone());
            state.failed_step.clone_from(step);
            state.scopes.clear();
        }
    }
}

fn action_finished(state: &mut State, path: &str, output: &Value, error: Option<&StepError>) {
    if let Some(Phase::Actions { next, outputs, in_flight, .. }) =
        active_at(state, path).map(|active| &mut active.phase)
    {
        *in_flight = false;
        *next = next.saturating_add(1);
        outputs.push(match error {
            None => output.clone(),
            Some(error) => json!({ "error": error_value(error, None) }),
        });
    }
    if error.is_none()
        && let Some(body) = http_body(output)
    {
        write(state, "data", body);
    }
}

/// A finished step as `steps.<id>` shows it. Built by hand, since `json!` would copy a value by
/// serialising it.
fn record(status: &str, attempts: u32, more: Option<(&str, Value)>) -> Value {
    let mut record = Map::new();
    record.insert("attempts".to_owned(), Value::from(attempts));
    if let Some((name, value)) = more {
        record.insert(name.to_owned(), value);
    }
    record.insert("status".to_owned(), Value::String(status.to_owned()));
    Value::Object(record)
}

/// The error as conditions and templates read it.
fn error_value(error: &StepError, step: Option<&str>) -> Value {
    let mut value = Map::new();
    value.insert("code".to_owned(), Value::String(error.code.clone()));
    value.insert("message".to_owned(), Value::String(error.message.clone()));
    if let Some(step) = step {
        value.insert("step".to_owned(), Value::String(step.to_owned()));
    }
    if let Some(status) = error.status {
        value.insert("status".to_owned(), Value::from(status));
    }
    Value::Object(value)
}

/// The JSON body of an HTTP answer: what such outputs have and others do not is a numeric status.
fn http_body(output: &Value) -> Option<&Value> {
    let fields = output.as_object()?;
    fields.get("status")?.as_u64()?;
    fields.get("headers")?.as_object()?;
    fields.get("body").filter(|body| !body.is_string() && !body.is_null())
}

fn run(state: &mut State, at: Timestamp) {
    state.status = Status::Running;
    state.running_since = Some(at);
}

fn stop_running(state: &mut State, at: Timestamp) {
    if let Some(since) = state.running_since.take() {
        state.ran_ms = state.ran_ms.saturating_add(at.0.saturating_sub(since.0).max(0));
    }
}

fn at_step(prefix: &str, step: &str, passage: u32) -> Active {
    Active { step: step.to_owned(), path: format!("{prefix}{step}"), passage, attempt: 1, phase: Phase::Ready }
}

/// The scope that stands at the step execution `path`.
fn scope_at(state: &State, path: &str) -> Option<ScopeId> {
    let stands_there = |scope: &ScopeState| scope.active.as_ref().is_some_and(|active| active.path == path);
    state.scopes.iter().find(|(_, scope)| stands_there(scope)).map(|(id, _)| *id)
}

fn active_at<'a>(state: &'a mut State, path: &str) -> Option<&'a mut Active> {
    let scope = scope_at(state, path)?;
    state.scopes.get_mut(&scope)?.active.as_mut()
}

/// Records a finished step and moves its scope on.
fn finish(state: &mut State, path: &str, step: &str, record: Value, to: Option<&str>) {
    if !state.steps.is_object() {
        state.steps = Value::Object(Map::new());
    }
    if let Value::Object(steps) = &mut state.steps {
        steps.insert(step.to_owned(), record);
    }
    let Some(scope) = scope_at(state, path).and_then(|id| state.scopes.get_mut(&id)) else { return };
    scope.active = to.map(|to| at_step(&scope.prefix, to, 1));
    if let Some(active) = &mut scope.active
        && state.steps.get(active.step.as_str()).is_some()
    {
        let passages = state.passages.entry(active.path.clone()).or_insert(1);
        *passages = passages.saturating_add(1);
        active.passage = *passages;
    }
}

/// Writes a value at a dotted path into the context, making objects on the way.
fn write(state: &mut State, path: &str, value: &Value) {
    if !state.replaced.contains(path) {
        state.replaced.insert(path.to_owned());
    }
    let Some((root, below)) = path.split_once('.') else {
        state.context.insert(path.to_owned(), value.clone());
        return;
    };
    let mut place = state.context.entry(root).or_insert_with(|| Value::Object(Map::new()));
    for name in below.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = value.clone();
}
