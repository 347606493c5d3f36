//! How many executions with the same key may be under way: `concurrency` (definition-language §1).
//!
//! The engine says which slot an execution needs and that it waits for one; who has the slots is the
//! database's business.

use super::event::Event;
use super::run::Run;
use super::state::{Origin, ROOT, State};
use super::view::View;
use crate::Timestamp;
use crate::definition::OnConflict;
use crate::expr::{EvalError, to_text};
use crate::plan::Plan;

/// The slot that an execution needs before its first step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The rendered key; executions of one workflow with the same key share the slots.
    pub key: String,
    /// How many there are.
    pub limit: u32,
    /// What happens when all are taken.
    pub on_conflict: OnConflict,
}

/// Which slot the definition asks for, if it has a limit; the key is rendered from the payload.
///
/// # Errors
/// When the key cannot be rendered.
pub fn slot(plan: &Plan, origin: &Origin, now: Timestamp) -> Result<Option<Slot>, EvalError> {
    let Some(concurrency) = &plan.definition().concurrency else { return Ok(None) };
    let state = State::new();
    let key = concurrency.key.render(&View::new(plan, origin, &state, ROOT, now))?;
    Ok(Some(Slot { key: to_text(&key), limit: concurrency.limit, on_conflict: concurrency.on_conflict }))
}

impl Run<'_> {
    pub(super) fn await_slot(&mut self, key: String, limit: u32) {
        if self.state.has_not_begun() && !self.state.awaits_slot {
            self.emit(Event::SlotAwaited { key, limit, at: self.now });
        }
    }

    pub(super) fn take_slot(&mut self) {
        if self.state.awaits_slot {
            self.emit(Event::SlotTaken { at: self.now });
        }
        self.wake();
    }
}
