//! How many executions may begin in a time: `rate_limit` (definition-language §1).
//!
//! The engine says that an execution needs a turn and begins it no earlier; which moment is free is the
//! database's business.

use std::time::Duration;

use super::event::Event;
use super::run::Run;
use super::state::{Origin, ROOT, State};
use super::view::View;
use crate::Timestamp;
use crate::expr::{EvalError, to_text};
use crate::plan::Plan;

/// The turn that an execution needs before its first step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The rendered key; executions of one workflow with the same key take turns.
    pub key: String,
    /// How many may begin in `per`.
    pub limit: u32,
    /// The time that they are counted in.
    pub per: Duration,
    /// How many may begin at once after a quiet time.
    pub burst: u32,
}

/// The turn to take next: nothing when the definition has no rate, when the execution has its turn, or when
/// something else keeps it from beginning. The key is rendered from the payload.
///
/// # Errors
/// When the key cannot be rendered.
pub fn rate(plan: &Plan, origin: &Origin, state: &State, now: Timestamp) -> Result<Option<Rate>, EvalError> {
    let Some(rate) = &plan.definition().rate_limit else { return Ok(None) };
    let is_next = state.has_not_begun() && state.begins_at.is_none() && !state.awaits_slot && !state.is_pausing();
    if !is_next {
        return Ok(None);
    }
    let key = match &rate.key {
        Some(key) => to_text(&key.render(&View::new(plan, origin, &State::new(), ROOT, now))?),
        None => String::new(),
    };
    Ok(Some(Rate { key, limit: rate.limit, per: rate.per, burst: rate.burst }))
}

impl Run<'_> {
    pub(super) fn take_turn(&mut self, key: String, begins_at: Timestamp) {
        if self.state.has_not_begun() {
            self.emit(Event::TurnTaken { key, begins_at, at: self.now });
        }
        self.wake();
    }

    /// Whether its rate keeps it from beginning.
    pub(super) fn awaits_turn(&self) -> bool {
        let has_rate = self.plan.definition().rate_limit.is_some();
        has_rate && self.state.begins_at.is_none_or(|begins_at| begins_at > self.now)
    }
}
