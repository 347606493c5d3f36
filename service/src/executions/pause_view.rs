//! What is known of a pause, and what would happen if it ended now.
//!
//! Nothing is guessed: the engine is asked what follows, on a copy of the state to which everything was told that waits
//! for the execution.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;

use engine::Timestamp;
use engine::machine::{self, Command, Decided, Event, ResumeOn, Signal, State, WaitKind};
use ids::ExecutionId;
use serde_json::Value;
use store::{ExecutionRow, ExecutionStatus};

use super::known::Known;
use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::Told;
use crate::viewer::{Permission, Viewer};

/// How often the engine is asked to go on, where it does so in parts.
const MAX_PARTS: usize = 20;
/// Steps that are named at most.
const MAX_STEPS: usize = 100;

/// A pause.
#[derive(Debug, Clone, PartialEq)]
pub struct PauseView {
    /// Since when.
    pub at: Timestamp,
    /// By whom; nobody for one that began by itself.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether time limits stand still.
    pub freezes: bool,
    /// When it goes on by itself.
    pub resumes_at: Option<Timestamp>,
    /// At which event it goes on by itself.
    pub resumes_on: Option<ResumeOn>,
    /// Since when such an event counts.
    pub resumes_on_since: Option<Timestamp>,
    /// What is merged over its data when it goes on by itself; for those with `EXECUTION_DATA_READ`.
    pub resume_data: Option<Value>,
    /// The step at which it goes on by itself, if not where it stands.
    pub resume_step: Option<String>,
    /// What resuming would set free.
    pub pending: ResumePreview,
}

/// What resuming would set free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResumePreview {
    /// Signals and events that came since the pause, and are kept.
    pub signals: u32,
    /// Waits and delays whose time is over.
    pub due_timers: u32,
    /// Approvals that were decided since the pause.
    pub decided_approvals: u32,
    /// Steps that would begin at once, in order.
    pub next_steps: Vec<String>,
    /// Whether it would end at once.
    pub ends: bool,
    /// Why it cannot be resumed.
    pub refused: Option<String>,
}

/// The pause of an execution; none when it is not paused.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn pause_view(
    services: &Services,
    viewer: &Viewer,
    row: &ExecutionRow,
) -> Result<Option<PauseView>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    if row.status != ExecutionStatus::Paused {
        return Ok(None);
    }
    let known = Known::read(services, row.clone()).await?;
    // The journal is newer than the row.
    let Some(at) = known.state.paused_since() else { return Ok(None) };
    let told = told(services, row.id, viewer).await?;
    let since: Vec<&Event> = since_pause(&known.journal);
    let (by, reason) = match since.first() {
        Some(Event::Paused { by, reason, .. }) => (by.clone(), reason.clone()),
        _held_by_a_retry => (None, None),
    };
    let pending = preview(&known, &since, told, services.now());
    let on = known.state.resumes_on();
    let (resume_data, resume_step) = scheduled(&known.state, &known.journal);
    Ok(Some(PauseView {
        at,
        by,
        reason,
        freezes: known.state.is_frozen(),
        resumes_at: known.state.resumes_at(),
        resumes_on: on.map(|(on, _since)| on.clone()),
        resumes_on_since: on.map(|(_on, since)| since),
        resume_data,
        resume_step,
        pending,
    }))
}

/// What it goes on with by itself, and at which step: as was asked for last, while that counts.
fn scheduled(state: &State, journal: &[Event]) -> (Option<Value>, Option<String>) {
    if state.resumes_at().is_none() && state.resumes_on().is_none() {
        return (None, None);
    }
    let last = journal.iter().rev().find_map(|event| match event {
        Event::ResumeScheduled { data, at_step, .. } => Some((data, at_step)),
        _other => None,
    });
    let Some((data, at_step)) = last else { return (None, None) };
    (Some(data.clone()).filter(|data| !data.is_null()), at_step.clone())
}

/// What waits for the execution and is not in its journal yet.
async fn told(services: &Services, id: ExecutionId, viewer: &Viewer) -> Result<Vec<Told>, ServiceError> {
    let rows = services.store().signals(viewer.organization, id).await?;
    // What this release cannot read, the worker tells; here it is left out.
    Ok(rows.iter().filter_map(|row| Told::parse(row).ok()).collect())
}

/// From the beginning of the last pause on.
fn since_pause(journal: &[Event]) -> Vec<&Event> {
    let begin = journal.iter().rposition(|event| matches!(event, Event::Paused { .. })).unwrap_or(journal.len());
    journal[begin..].iter().collect()
}

fn preview(known: &Known, since: &[&Event], told: Vec<Told>, now: Timestamp) -> ResumePreview {
    let mut shown = ResumePreview::default();
    for event in since {
        match event {
            Event::EventTaken { .. } | Event::SignalKept { .. } => shown.signals += 1,
            Event::ApprovalDecided { .. } => shown.decided_approvals += 1,
            _other => {}
        }
    }
    let (plan, origin) = (&known.version.plan, &known.origin);
    let mut state = known.state.clone();
    let mut steps = BTreeSet::new();
    for one in told {
        match &one {
            Told::Signal { what: Signal::Approval { .. } } => shown.decided_approvals += 1,
            Told::Signal { .. } => shown.signals += 1,
            _control => {}
        }
        // What makes no sense in this state is dropped by the worker as well. It may end the pause itself.
        if let Ok(decided) = machine::advance(plan, origin, &mut state, one.into_command(), now) {
            note_steps(&decided, &mut steps, &mut shown.next_steps);
        }
    }
    let mut paused = Some(state.clone());
    let mut command = Command::Resume { by: None, data: None, at_step: None };
    for _part in 0..MAX_PARTS {
        let decided = match machine::advance(plan, origin, &mut state, command, now) {
            Ok(decided) => decided,
            Err(refused) => {
                shown.refused = Some(refused.to_string());
                return shown;
            }
        };
        if let Some(paused) = paused.take() {
            shown.due_timers = due_timers(known, paused, &decided, now);
        }
        note_steps(&decided, &mut steps, &mut shown.next_steps);
        if !decided.goes_on {
            break;
        }
        command = Command::Wake;
    }
    shown.ends = state.has_ended();
    shown
}

/// How many waits are over as soon as the pause is: how late they are due depends on how long it was.
fn due_timers(known: &Known, mut paused: State, decided: &Decided, now: Timestamp) -> u32 {
    let Some(resumed) = decided.events.first().filter(|event| matches!(event, Event::Unpaused { .. })) else {
        return 0;
    };
    machine::apply(&mut paused, resumed);
    let is_timer = |kind: WaitKind| !matches!(kind, WaitKind::Resume | WaitKind::Pause | WaitKind::Deadline);
    let waits = machine::waits(&known.version.plan, &known.origin, &paused);
    let due = waits.iter().filter(|wait| is_timer(wait.kind) && wait.due_at.is_some_and(|due_at| due_at <= now));
    u32::try_from(due.count()).unwrap_or(u32::MAX)
}

fn note_steps(decided: &Decided, known: &mut BTreeSet<String>, shown: &mut Vec<String>) {
    for event in &decided.events {
        let Event::StepStarted { path, .. } = event else { continue };
        if shown.len() < MAX_STEPS && known.insert(path.to_string()) {
            shown.push(path.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(due_at: Option<Timestamp>, data: Value, at_step: Option<&str>) -> Event {
        let at_step = at_step.map(str::to_owned);
        Event::ResumeScheduled { by: None, due_at, when: None, data, at_step, event: None, at: Timestamp(2) }
    }

    #[test]
    fn what_a_resume_brings_is_shown_as_it_was_asked_for_last_while_it_counts() {
        let due_at = Some(Timestamp(9));
        let mut journal = vec![Event::Paused { by: None, reason: None, freezes: true, at: Timestamp(1) }];
        let mut state = State::new();
        machine::apply(&mut state, &journal[0]);
        let mut after = |event: Event| {
            machine::apply(&mut state, &event);
            journal.push(event);
            scheduled(&state, &journal)
        };
        let (data, step) = (json!({ "amount": 7 }), Some("charge".to_owned()));
        assert_eq!(after(asked(due_at, data.clone(), Some("charge"))), (Some(data.clone()), step));
        assert_eq!(after(asked(due_at, Value::Null, None)), (None, None), "as it stands");
        assert_eq!(after(asked(due_at, data.clone(), None)), (Some(data), None));
        assert_eq!(after(asked(None, Value::Null, None)), (None, None), "it was taken back");
    }
}
