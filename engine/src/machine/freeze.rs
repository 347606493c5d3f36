//! Time limits that stand still during a pause: those of steps that wait, of approvals, and of the whole life.
//!
//! What a pause has cost is in the event that ends it, so that a journal of before folds to what it folded to. A wait
//! for a moment, `until`, is over when that moment comes; and the delay before another attempt goes on.

use serde::{Deserialize, Serialize};

use super::effect::StepPath;
use super::run::Run;
use super::state::{Awaited, OpenApproval, Origin, Phase, State};
use crate::Timestamp;
use crate::definition::{StepKind, Wait};
use crate::plan::Plan;

/// What stood still during a pause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// For how long, in milliseconds.
    pub ms: i64,
    /// Steps that wait for a moment, which has not moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<StepPath>,
}

/// When the whole life is over that the definition allows; never while it stands still.
#[must_use]
pub fn life_ends(plan: &Plan, origin: &Origin, state: &State) -> Option<Timestamp> {
    let deadline = plan.definition().deadline.filter(|_| !state.is_frozen())?;
    Some(origin.accepted_at.plus(deadline).later(state.frozen_ms))
}

/// When the whole life would be over if what stands still went on now: tells whether it has lived too long already.
pub(super) fn life_would_end(plan: &Plan, origin: &Origin, state: &State, now: Timestamp) -> Option<Timestamp> {
    let deadline = plan.definition().deadline?;
    let since = state.paused_since().filter(|_| state.is_frozen());
    let stood = since.map_or(0, |since| now.0.saturating_sub(since.0).max(0));
    Some(origin.accepted_at.plus(deadline).later(state.frozen_ms.saturating_add(stood)))
}

/// What stood still goes on: it is due later by the time that it stood.
pub(super) fn thaw(state: &mut State, frozen: &Frozen, at: Timestamp) {
    state.frozen_ms = state.frozen_ms.saturating_add(frozen.ms);
    for active in state.scopes.values_mut().filter_map(|scope| scope.active.as_mut()) {
        if let Phase::Waiting(wait) = &mut active.phase
            && !frozen.stays.contains(&active.path)
        {
            wait.due_at = wait.due_at.map(|due_at| due_at.later(frozen.ms));
        }
    }
    for open in state.approvals.values_mut() {
        // A list of actions that was under way comes to its end in a pause, and may ask people in it.
        let in_pause = open.asked_at.map_or(frozen.ms, |asked_at| at.0.saturating_sub(asked_at.0));
        open.put_off(frozen.ms.min(in_pause.max(0)));
    }
}

impl OpenApproval {
    fn put_off(&mut self, milliseconds: i64) {
        for due in [&mut self.request.expires_at, &mut self.remind_at, &mut self.escalate_at] {
            *due = due.map(|due_at| due_at.later(milliseconds));
        }
    }
}

impl Run<'_> {
    /// What stands still in the pause that ends now; nothing where time limits go on.
    pub(super) fn frozen(&self) -> Option<Box<Frozen>> {
        let since = self.state.paused_since().filter(|_| self.state.is_frozen())?;
        let ms = self.now.0.saturating_sub(since.0).max(0);
        let waits = self.state.scopes.values().filter_map(|scope| scope.active.as_ref());
        let waits = waits.filter(|active| {
            matches!(&active.phase, Phase::Waiting(wait) if wait.what == Awaited::Time)
                && self.plan.find(&active.step).is_some_and(|step| matches!(step.kind, StepKind::Wait(Wait::Until(_))))
        });
        Some(Box::new(Frozen { ms, stays: waits.map(|active| active.path.clone()).collect() }))
    }
}
