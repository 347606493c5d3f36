//! What an execution tells the one that started it, and what it leaves behind.

use serde_json::{Value, json};

use super::command::Signal;
use super::effect::{EffectId, StepError};
use super::state::{Origin, Phase, State, Status};
use crate::expr::{INTEGRATIONS, VARIABLES};

/// What the parent of an execution that has ended is told.
#[must_use]
pub fn ended_child(origin: &Origin, state: &State) -> Signal {
    let mut context = state.written.values.clone();
    // These are the organization's, and not what the execution has found out.
    context.remove(VARIABLES);
    context.remove(INTEGRATIONS);
    let output = json!({
        "execution_id": origin.execution,
        "status": state.status().name(),
        "result": state.result(),
        "decision": state.decision(),
        "context": Value::Object(context),
    });
    let error = match state.status() {
        Status::Completed => None,
        Status::Cancelled => Some(StepError::other("CANCELLED", "it was cancelled")),
        _failed => Some(state.error().cloned().unwrap_or_else(|| StepError::other("FAILED", "it failed"))),
    };
    Signal::ChildEnded { execution: origin.execution.clone(), output, error }
}

impl State {
    /// Whether `effect` has left and is still waited for: what was given up with its branch is not.
    #[must_use]
    pub fn awaits(&self, effect: &EffectId) -> bool {
        self.scopes.values().filter_map(|scope| scope.active.as_ref()).any(|active| {
            active.path == effect.step
                && active.attempt == effect.attempt
                && matches!(active.phase, Phase::Actions { next, in_flight: true, .. } if next == effect.action)
        })
    }
}
