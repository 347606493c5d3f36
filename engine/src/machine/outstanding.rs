//! Why an execution will move again: effects under way, times that will come, bounds on its life.

use std::time::Duration;

use super::actions::{action_at, effect, time_left};
use super::effect::{Effect, StepPath};
use super::render;
use super::run::Here;
use super::state::{Origin, Phase, State};
use super::view::View;
use crate::Timestamp;
use crate::plan::Plan;

/// What a wait waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    /// The delay before the next attempt of a step.
    Retry,
    /// The end of the whole life that the definition allows.
    Deadline,
}

impl WaitKind {
    /// Name in the database and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Deadline => "deadline",
        }
    }
}

/// One reason to wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitRow {
    /// What for.
    pub kind: WaitKind,
    /// The step that waits.
    pub step_path: StepPath,
    /// When it is over by itself.
    pub due_at: Option<Timestamp>,
}

/// The effects that were under way, with the ids and keys they had: after a crash they are begun again.
#[must_use]
pub fn outstanding(plan: &Plan, origin: &Origin, state: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (id, scope) in &state.scopes {
        let Some(active) = &scope.active else { continue };
        let Phase::Actions { next, in_flight: true, now, .. } = active.phase else { continue };
        let Some(step) = plan.step(&active.step) else { continue };
        let Some(action) = action_at(step, next) else { continue };
        let here = Here::of(*id, active, now);
        let view = View::new(plan, origin, state, Some(&scope.locals), now);
        // It was rendered before from the same values. Should it not be possible any more, then the
        // command `TakeUp` fails the step. A call that begins anew has the whole time of its step.
        if let (Ok(request), Ok(timeout)) =
            (render::request(&action.kind, &view), time_left(step, action, Duration::ZERO))
        {
            effects.push(effect(origin, &here, next, timeout, request));
        }
    }
    effects
}

/// What a suspended execution waits for.
#[must_use]
pub fn waits(plan: &Plan, origin: &Origin, state: &State) -> Vec<WaitRow> {
    let mut waits: Vec<WaitRow> = state
        .scopes
        .values()
        .filter_map(|scope| scope.active.as_ref())
        .filter_map(|active| match active.phase {
            Phase::Backoff { due_at } => {
                Some(WaitRow { kind: WaitKind::Retry, step_path: active.path.clone(), due_at: Some(due_at) })
            }
            Phase::Ready | Phase::Actions { .. } => None,
        })
        .collect();
    if let Some(deadline) = plan.definition().deadline
        && !waits.is_empty()
    {
        waits.push(WaitRow {
            kind: WaitKind::Deadline,
            step_path: String::new(),
            due_at: Some(origin.accepted_at.plus(deadline)),
        });
    }
    waits
}

/// When the running time or the whole life is used up, whichever comes first.
#[must_use]
pub fn time_limit(plan: &Plan, origin: &Origin, state: &State) -> Option<Timestamp> {
    let running = state.running_since.map(|since| {
        let left = i64::try_from(plan.timeout().as_millis()).unwrap_or(i64::MAX).saturating_sub(state.ran_ms);
        Timestamp(since.0.saturating_add(left.max(0)))
    });
    let life = plan.definition().deadline.map(|deadline| origin.accepted_at.plus(deadline));
    match (running, life) {
        (Some(running), Some(life)) => Some(running.min(life)),
        (running, life) => running.or(life),
    }
}
