//! Once more: an execution that failed goes on, and a new one takes over what another had found out.

use serde_json::Value;

use super::apply::apply;
use super::command::Refused;
use super::event::Event;
use super::freeze::life_ends;
use super::run::Run;
use super::state::{State, Status};
use crate::Timestamp;

impl Run<'_> {
    /// What failed goes on at the step of the flow at which it failed.
    pub(super) fn retry(&mut self, by: Option<String>, reason: Option<String>, hold: bool) -> Result<(), Refused> {
        if self.state.status != Status::Failed {
            return Err(Refused::NotFailed);
        }
        let deadline = life_ends(self.plan, self.origin, self.state);
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            return Err(Refused::PastDeadline);
        }
        let step = self.state.entry.clone();
        self.emit(Event::Retried { by: by.clone(), reason: reason.clone(), step, at: self.now });
        if hold {
            self.pause(by, reason, true);
        }
        Ok(())
    }
}

/// What a new execution begins with that repeats another one from `step` on: the results and the context as they
/// were when that one came to the step the last time, or as they were at its end if it never did. `data` is merged
/// over the context.
#[must_use]
pub fn taken_over(journal: &[Event], execution: &str, step: &str, data: Value, at: Timestamp) -> Event {
    let mut state = State::new();
    let mut before = None;
    for event in journal {
        // At the top level the path of a step is its id; a further attempt is no coming to it.
        if let Event::StepStarted { path, attempt: 1, .. } | Event::StepSkipped { path, .. } = event
            && path == step
        {
            before = Some((state.steps.clone(), state.written.clone(), state.loaded.clone()));
        }
        apply(&mut state, event);
    }
    let (steps, written, loaded) = before.unwrap_or((state.steps, state.written, state.loaded));
    Event::TakenOver {
        execution: execution.to_owned(),
        step: step.to_owned(),
        steps: if steps.is_empty() { Value::Null } else { steps.value() },
        values: written.values,
        replaced: written.replaced,
        loaded,
        data,
        at,
    }
}
