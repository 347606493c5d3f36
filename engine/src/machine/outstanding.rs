//! Why an execution will move again: effects under way, times that will come, bounds on its life.

use std::time::Duration;

use serde_json::Value;

use super::actions::{action_at, effect, request_of, time_left};
use super::effect::{Effect, StepPath};
use super::freeze::life_ends;
use super::run::Here;
use super::state::{Awaited, Origin, Phase, ScopeId, State};
use super::view::View;
use crate::Timestamp;
use crate::plan::Plan;

/// What a wait waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    /// The delay before the next attempt of a step.
    Retry,
    /// A time that a step named.
    Timer,
    /// An event.
    Event,
    /// People who decide.
    Approval,
    /// The end of a child execution.
    Child,
    /// The end of another execution with the same concurrency key.
    Slot,
    /// The moment at which a rate lets the execution begin, or a call go.
    Rate,
    /// The moment, or the event, at which a paused execution goes on by itself.
    Resume,
    /// The moment from which on a pause counts as long.
    Pause,
    /// The end of the whole life that the definition allows.
    Deadline,
}

impl WaitKind {
    /// Name in the database and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Timer => "timer",
            Self::Event => "event",
            Self::Approval => "approval",
            Self::Child => "child",
            Self::Slot => "slot",
            Self::Rate => "rate",
            Self::Resume => "resume",
            Self::Pause => "pause",
            Self::Deadline => "deadline",
        }
    }
}

/// One reason to wake.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitRow {
    /// What for.
    pub kind: WaitKind,
    /// The step that waits.
    pub step_path: StepPath,
    /// Tells it from another wait of the same step: how often the flow has come to it, and which attempt it is.
    pub visit: (u32, u32),
    /// Events from before do not count.
    pub since: Option<Timestamp>,
    /// When it is over by itself.
    pub due_at: Option<Timestamp>,
    /// Name or pattern of the event.
    pub event: Option<String>,
    /// What the event's payload must have, as far as it is known beforehand.
    pub keys: Vec<(String, Value)>,
    /// What the event must be about, where one value says it: see [`super::correlation`].
    pub correlation: Option<String>,
    /// The approval or the child execution.
    pub target: Option<String>,
}

impl WaitRow {
    pub(super) const fn of(kind: WaitKind, step_path: StepPath, due_at: Option<Timestamp>) -> Self {
        Self {
            kind,
            step_path,
            visit: (0, 0),
            since: None,
            due_at,
            event: None,
            keys: Vec::new(),
            correlation: None,
            target: None,
        }
    }
}

/// The effects that were under way, with the ids and keys they had: after a crash they are begun again.
#[must_use]
pub fn outstanding(plan: &Plan, origin: &Origin, state: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (id, scope) in &state.scopes {
        let Some(active) = &scope.active else { continue };
        let Phase::Actions { next, in_flight: true, now, .. } = active.phase else { continue };
        let Some(step) = plan.find(&active.step) else { continue };
        let here = Here::of(*id, active, now);
        let view = View::new(plan, origin, state, *id, now);
        // It was rendered before from the same values. Should it not be possible any more, then the
        // command `TakeUp` fails the step. A call that begins anew has the whole time of its step.
        if let (Some(Ok(request)), Ok(timeout)) =
            (request_of(step, next, &view), time_left(step, action_at(step, next), Duration::ZERO))
        {
            effects.push(effect(origin, state, &here, next, timeout, request));
        }
    }
    effects
}

/// What a suspended execution waits for. While it is paused, whoever resumes it counts, and its deadline unless
/// that stands still.
#[must_use]
pub fn waits(plan: &Plan, origin: &Origin, state: &State) -> Vec<WaitRow> {
    let mut waits = Vec::new();
    for active in state.scopes.values().filter_map(|scope| scope.active.as_ref()) {
        let path = active.path.clone();
        match &active.phase {
            Phase::Backoff { due_at } => waits.push(WaitRow::of(WaitKind::Retry, path, Some(*due_at))),
            Phase::Waiting(wait) => match &wait.what {
                Awaited::Time => waits.push(WaitRow::of(WaitKind::Timer, path, wait.due_at)),
                Awaited::Event { event, keys, lenient } => waits.push(WaitRow {
                    visit: (active.passage, active.attempt),
                    event: Some(event.clone()),
                    correlation: super::correlation::correlation(keys),
                    keys: if *lenient { Vec::new() } else { keys.clone() },
                    ..WaitRow::of(WaitKind::Event, path, wait.due_at)
                }),
                Awaited::Child { execution } => {
                    let wait = WaitRow::of(WaitKind::Child, path, None);
                    waits.push(WaitRow { target: Some(execution.clone()), ..wait });
                }
                // The approvals themselves are listed below.
                Awaited::Approval { .. } => {}
            },
            Phase::Actions { in_flight: false, put_off: Some(put_off), .. } => {
                waits.push(WaitRow::of(WaitKind::Rate, path, Some(put_off.until)));
            }
            Phase::Ready | Phase::Actions { .. } | Phase::Children(_) => {}
        }
    }
    for (id, approval) in &state.approvals {
        let due_at = approval.next_due();
        waits.push(WaitRow {
            target: Some(id.clone()),
            ..WaitRow::of(WaitKind::Approval, approval.path.clone(), due_at)
        });
    }
    if let Some(begins_at) = state.begins_at
        && state.has_not_begun()
    {
        waits.push(WaitRow::of(WaitKind::Rate, StepPath::default(), Some(begins_at)));
    }
    if state.is_pausing() {
        for wait in &mut waits {
            wait.due_at = None;
        }
        waits.extend(super::pause::waits(state));
    }
    if state.awaits_slot && !state.has_ended() {
        waits.push(WaitRow::of(WaitKind::Slot, StepPath::default(), None));
    }
    if let Some(deadline) = life_ends(plan, origin, state)
        && !state.has_ended()
    {
        waits.push(WaitRow::of(WaitKind::Deadline, StepPath::default(), Some(deadline)));
    }
    waits
}

/// The next moment at which [`Command::Wake`](super::Command::Wake) changes something, if any.
#[must_use]
pub fn next_due(plan: &Plan, origin: &Origin, state: &State) -> Option<Timestamp> {
    let timers = waits(plan, origin, state).into_iter().filter_map(|wait| wait.due_at).min();
    match (time_limit(plan, origin, state), timers) {
        (Some(limit), Some(timer)) => Some(limit.min(timer)),
        (limit, timer) => limit.or(timer),
    }
}

/// The child executions that a live execution waits for: when it ends, they have to end too.
#[must_use]
pub fn children(state: &State) -> Vec<String> {
    let waiting = state.scopes.values().filter_map(|scope| match &scope.active.as_ref()?.phase {
        Phase::Waiting(wait) => match &wait.what {
            Awaited::Child { execution } => Some(execution.clone()),
            Awaited::Time | Awaited::Event { .. } | Awaited::Approval { .. } => None,
        },
        _not_waiting => None,
    });
    waiting.collect()
}

/// When the running time, the whole life, or the time of a step with branches or items is used up,
/// whichever comes first.
#[must_use]
pub fn time_limit(plan: &Plan, origin: &Origin, state: &State) -> Option<Timestamp> {
    let bodies = body_limits(plan, state).map(|(_, due)| due);
    bodies.chain(own_limit(plan, origin, state)).min()
}

/// When the execution's running time or whole life is used up.
pub(super) fn own_limit(plan: &Plan, origin: &Origin, state: &State) -> Option<Timestamp> {
    let running = state.running_since.map(|since| {
        let left = millis(plan.timeout()).saturating_sub(state.ran_ms);
        Timestamp(since.0.saturating_add(left.max(0)))
    });
    running.into_iter().chain(life_ends(plan, origin, state)).min()
}

/// The steps that hold branches, items or rounds and state a time-out, and when it is used up. Only
/// running time counts, so a suspended execution has no such limit.
pub(super) fn body_limits<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = (ScopeId, Timestamp)> + 'a {
    state.scopes.iter().filter_map(|(id, scope)| {
        let since = state.running_since?;
        let active = scope.active.as_ref()?;
        let Phase::Children(children) = &active.phase else { return None };
        let whole = plan.find(&active.step)?.timeout?;
        let ran = state.ran_ms.saturating_sub(children.ran_ms);
        Some((*id, Timestamp(since.0.saturating_add(millis(whole).saturating_sub(ran).max(0)))))
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
