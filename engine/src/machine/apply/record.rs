//! What is known of finished actions and steps.

use serde_json::{Map, Value, json};

use super::context::write_near;
use super::scopes::{active_at, scope_at};
use crate::machine::effect::StepError;
use crate::machine::render::size;
use crate::machine::state::{Phase, PutOff, State};
use crate::{Shared, Timestamp};

/// People that are remembered of one message, and the longest name of one in bytes.
const MOST_TOLD: usize = 1_000;
const MAX_TOLD: usize = 64;

/// At the beginning of a list of actions.
pub(super) const fn list_begun(now: Timestamp) -> Phase {
    Phase::Actions { next: 0, outputs: Vec::new(), bytes: 0, in_flight: false, now, put_off: None, held_ms: 0 }
}

pub(super) fn action_started(state: &mut State, path: &str, at: Timestamp) {
    if let Some(Phase::Actions { in_flight, put_off, held_ms, .. }) =
        active_at(state, path).map(|active| &mut active.phase)
    {
        *in_flight = true;
        let held = put_off.map_or(0, |put_off| at.0.saturating_sub(put_off.since.0));
        *held_ms = held_ms.saturating_add(held);
    }
}

pub(super) fn action_put_off(state: &mut State, path: &str, until: PutOff) {
    if let Some(Phase::Actions { in_flight, put_off, .. }) = active_at(state, path).map(|active| &mut active.phase) {
        *in_flight = false;
        *put_off = Some(until);
    }
}

pub(super) fn action_finished(state: &mut State, path: &str, output: &Shared, error: Option<&StepError>) {
    if let Some(active) = active_at(state, path)
        && let Phase::Actions { next, outputs, bytes, in_flight, put_off, .. } = &mut active.phase
    {
        let told = told(output, error);
        if !told.is_empty() {
            active.told.entry(*next).or_default().extend(told);
        }
        *in_flight = false;
        *put_off = None;
        *next = next.saturating_add(1);
        *bytes = bytes.saturating_add(size(output));
        outputs.push(match error {
            None => output.clone(),
            Some(error) => json!({ "error": error_value(error, None) }).into(),
        });
    }
    if error.is_none()
        && let Some(body) = http_body(output)
        && let Some(scope) = scope_at(state, path)
    {
        write_near(state, scope, "data", body.clone());
    }
}

/// Whom a message has reached, as far as its answer names them: what other actions answer has no such members.
fn told(output: &Value, error: Option<&StepError>) -> Vec<String> {
    let answer = error.map_or(Some(output), |error| error.detail.as_ref());
    let delivered = answer.and_then(|answer| answer.get("delivered")).and_then(Value::as_array);
    let to = delivered.into_iter().flatten().filter_map(|delivered| delivered.get("to")?.as_str());
    to.filter(|to| to.len() <= MAX_TOLD).take(MOST_TOLD).map(str::to_owned).collect()
}

/// The error as conditions and templates read it.
pub(super) fn error_value(error: &StepError, step: Option<&str>) -> Value {
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
pub(super) fn http_body(output: &Value) -> Option<&Value> {
    let fields = output.as_object()?;
    fields.get("status")?.as_u64()?;
    fields.get("headers")?.as_object()?;
    fields.get("body").filter(|body| !body.is_string() && !body.is_null())
}
