//! What always holds, by name: one definition for the tests and for whoever audits a database.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::apply;
use super::approval::Ruling;
use super::event::Event;
use super::freeze::Frozen;
use super::order::order;
use super::outstanding::{outstanding, waits};
use super::state::{Awaited, Origin, Phase, ROOT, State, Status};
use crate::Timestamp;
use crate::plan::{LOADING_STEP, Plan};

const ENDS_ONCE: &str = "an execution ends at most once, and once more after each retry";
const NOTHING_AFTER_END: &str = "nothing follows the end but the retry of what failed";
const STATE_IS_FOLD: &str = "the state is the fold of the journal";
const KNOWS_ITS_END: &str = "the state says that it ended exactly when the journal does";
const LIVE_HAS_REASON: &str = "a live execution has something outstanding";
const CLOCK_RUNS_WITH_IT: &str = "running time counts exactly while it runs";
const ATTEMPTS_COUNT_UP: &str = "attempts of a step count up from 1";
const ONE_OUTCOME: &str = "an action that left has one outcome";
const ONE_RESULT: &str = "a passage through a step has one result";
const BLOCKED_IS_HELD: &str = "a blocked execution is held by an approval";
const SCOPES_CLOSE_ONCE: &str = "a branch, an item or a round begins once and ends once";
const PAUSE_HOLDS: &str = "no step begins while the execution is paused";
const DECIDED_ONCE: &str = "an approval is decided once";
const IN_ITS_TURN: &str = "nothing begins before the turn that its rate gives it";
const STANDS_STILL: &str = "time limits stand still during a pause, unless it says otherwise";
const IN_ITS_TIME: &str = "a wait is over by itself when its time is";
const TAKEN_ONCE: &str = "a wait takes an event once, and an event ends one pause";
pub(super) const AFTER_WHAT_IT_NEEDS: &str = "no step begins before what it depends on";

/// The names of all invariants.
pub const INVARIANTS: [&str; 18] = [
    ENDS_ONCE,
    NOTHING_AFTER_END,
    STATE_IS_FOLD,
    KNOWS_ITS_END,
    LIVE_HAS_REASON,
    CLOCK_RUNS_WITH_IT,
    ATTEMPTS_COUNT_UP,
    ONE_OUTCOME,
    ONE_RESULT,
    BLOCKED_IS_HELD,
    SCOPES_CLOSE_ONCE,
    PAUSE_HOLDS,
    DECIDED_ONCE,
    TAKEN_ONCE,
    IN_ITS_TURN,
    STANDS_STILL,
    IN_ITS_TIME,
    AFTER_WHAT_IT_NEEDS,
];

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// One of [`INVARIANTS`].
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// Looks at a journal and the state that a command left.
#[must_use]
pub fn violations(plan: &Plan, origin: &Origin, journal: &[Event], state: &State, goes_on: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    ends(journal, state, &mut found);
    reasons(plan, origin, journal, state, goes_on, &mut found);
    scopes(journal, state, &mut found);
    turns(plan, journal, &mut found);
    times(journal, &mut found);
    order(plan, journal, &mut found);
    let mut steps: BTreeMap<&str, Passage> = BTreeMap::new();
    for event in journal {
        match event {
            // Another attempt of a step that holds others: what a time-out left under way below it is gone.
            Event::BodyBegan { path, .. } => steps.retain(|below, _| !is_below(below, path)),
            // Whoever resumes it elsewhere, or retries it, leaves what was under way without a result.
            // What is being loaded is loaded all the same.
            Event::Unpaused { at_step: Some(_), .. } => steps.retain(|path, _| *path == LOADING_STEP),
            Event::Retried { .. } => steps.clear(),
            _of_one_step => {}
        }
        if let Some(path) = event.step_path() {
            steps.entry(path).or_default().see(path, event, &mut found);
        }
    }
    found
}

/// Whether `below` is the path of a step within the one at `path`.
pub(super) fn is_below(below: &str, path: &str) -> bool {
    below.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[', '#']))
}

fn ends(journal: &[Event], state: &State, found: &mut Vec<Violation>) {
    let mut end: Option<&Event> = None;
    for event in journal {
        match (end, event) {
            (Some(Event::Failed { .. }), Event::Retried { .. }) => end = None,
            (Some(_), event) if event.is_end() => expect(false, ENDS_ONCE, found, || format!("{event:?}")),
            (None, event) if event.is_end() => end = Some(event),
            (Some(_), _) | (None, Event::Retried { .. }) => {
                expect(false, NOTHING_AFTER_END, found, || format!("{event:?} after {end:?}"));
            }
            (None, _) => {}
        }
    }
    let status = state.status();
    expect(end.is_some() == state.has_ended(), KNOWS_ITS_END, found, || format!("{end:?}, {}", status.name()));
    let mut folded = State::new();
    for event in journal {
        apply(&mut folded, event);
    }
    expect(folded == *state, STATE_IS_FOLD, found, || format!("the fold is {folded:?}, the state {state:?}"));
}

/// Every scope that was opened is closed once, or under way, or went with the step that held it;
/// nothing happens in one that is closed; nothing begins while the execution is paused.
fn scopes(journal: &[Event], state: &State, found: &mut Vec<Violation>) {
    let mut opened = BTreeSet::new();
    let mut closed = BTreeSet::new();
    let mut decided = BTreeSet::new();
    let mut taken = BTreeSet::new();
    let mut is_paused = false;
    for event in journal {
        match event {
            Event::ScopeOpened { scope, .. } => {
                expect(opened.insert(*scope), SCOPES_CLOSE_ONCE, found, || format!("scope {scope} opened twice"));
                expect(!is_paused, PAUSE_HOLDS, found, || format!("{event:?}"));
            }
            Event::ScopeClosed { scope, .. } => {
                let is_first = opened.contains(scope) && closed.insert(*scope);
                expect(is_first, SCOPES_CLOSE_ONCE, found, || format!("scope {scope} closed"));
            }
            Event::ApprovalDecided { approval, .. } => {
                let is_first = decided.insert(approval.as_str());
                expect(is_first, DECIDED_ONCE, found, || format!("{approval} decided twice"));
            }
            Event::EventTaken { path, event_id, .. } => {
                let is_first = taken.insert((path.as_str(), event_id.as_str()));
                expect(is_first, TAKEN_ONCE, found, || format!("{path} took {event_id} twice"));
            }
            Event::StepStarted { .. } => expect(!is_paused, PAUSE_HOLDS, found, || format!("{event:?}")),
            Event::Paused { .. } => is_paused = true,
            Event::Unpaused { event: Some(event), .. } => {
                is_paused = false;
                let is_first = taken.insert(("", event.id.as_str()));
                expect(is_first, TAKEN_ONCE, found, || format!("{} ended two pauses", event.id));
            }
            // The end ended the pause too.
            Event::Unpaused { .. } | Event::Retried { .. } => is_paused = false,
            _of_no_scope => {}
        }
    }
    for scope in state.scopes.keys().filter(|scope| **scope != ROOT) {
        let is_open = opened.contains(scope) && !closed.contains(scope);
        expect(is_open, SCOPES_CLOSE_ONCE, found, || format!("scope {scope} is under way"));
    }
}

/// An execution begins in its turn, and a call that was put off goes in its own.
fn turns(plan: &Plan, journal: &[Event], found: &mut Vec<Violation>) {
    let mut turn = None;
    // What moved began by the rate of another version.
    let has_moved = journal.iter().any(|event| matches!(event, Event::Moved { .. }));
    let mut put_off = BTreeMap::new();
    for event in journal {
        match event {
            Event::TurnTaken { begins_at, .. } => turn = Some(*begins_at),
            Event::Unpaused { .. } => turn = None,
            Event::Retried { .. } => {
                turn = None;
                put_off.clear();
            }
            Event::Started { at, .. } => {
                let has_rate = plan.definition().rate_limit.is_some();
                let is_in_turn = turn.map_or(!has_rate || has_moved, |begins_at| begins_at <= *at);
                expect(is_in_turn, IN_ITS_TURN, found, || format!("begun at {at:?}, its turn is {turn:?}"));
            }
            Event::ActionPutOff { path, until, .. } => {
                put_off.insert(path.as_str(), *until);
            }
            // Another attempt asks anew.
            Event::StepStarted { path, .. } => {
                put_off.remove(path.as_str());
            }
            Event::ActionStarted { path, at, .. } => {
                let is_in_turn = put_off.remove(path.as_str()).is_none_or(|until| until <= *at);
                expect(is_in_turn, IN_ITS_TURN, found, || format!("{path}: {event:?}"));
            }
            _of_no_turn => {}
        }
    }
}

/// Nothing is over by its time while that stands still, and no wait before its time, which a pause may have put off.
fn times(journal: &[Event], found: &mut Vec<Violation>) {
    let mut is_frozen = false;
    let mut due: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for event in journal {
        let is_lapse = match event {
            Event::ApprovalReminded { .. } | Event::ApprovalEscalated { .. } => true,
            Event::ApprovalDecided { verdict, .. } => verdict.ruling == Ruling::Expired,
            Event::Failed { error, .. } => error.code == "DEADLINE",
            _by_no_time => false,
        };
        expect(!(is_frozen && is_lapse), STANDS_STILL, found, || format!("{event:?}"));
        match event {
            Event::Paused { freezes, .. } => is_frozen = *freezes,
            Event::Unpaused { frozen, at_step, .. } => {
                is_frozen = false;
                let Frozen { ms, stays } = frozen.as_deref().cloned().unwrap_or_default();
                due.retain(|_, _| at_step.is_none());
                for (path, due_at) in &mut due {
                    if !stays.iter().any(|stays| stays == path) {
                        *due_at = due_at.later(ms);
                    }
                }
            }
            Event::Retried { .. } => {
                is_frozen = false;
                due.clear();
            }
            Event::WaitBegan { path, due_at: Some(due_at), .. } => {
                due.insert(path, *due_at);
            }
            Event::EventTaken { path, .. } | Event::StepLeftOut { path, .. } | Event::StepStarted { path, .. } => {
                due.remove(path.as_str());
            }
            Event::StepSucceeded { path, at, .. }
            | Event::StepFailed { path, at, .. }
            | Event::RetryScheduled { path, at, .. } => {
                let is_over = due.remove(path.as_str()).is_none_or(|due_at| due_at <= *at);
                expect(is_over, IN_ITS_TIME, found, || format!("{event:?}"));
            }
            _at_no_time => {}
        }
    }
}

fn reasons(plan: &Plan, origin: &Origin, journal: &[Event], state: &State, goes_on: bool, found: &mut Vec<Violation>) {
    let life = journal.iter().rev().take_while(|event| !matches!(event, Event::Retried { .. }));
    let has_begun = life.into_iter().any(|event| matches!(event, Event::Started { .. }));
    // An accepted execution waits for a worker: the queue is its reason.
    let has_reason = match state.status() {
        Status::Queued => !has_begun,
        // A long loop is cut into parts: then it goes on at once.
        Status::Running => goes_on || !outstanding(plan, origin, state).is_empty(),
        Status::Waiting | Status::Blocked => !waits(plan, origin, state).is_empty(),
        // Whoever paused it resumes it.
        Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => true,
    };
    let holds = state.scopes.values().any(|scope| {
        let phase = scope.active.as_ref().map(|active| &active.phase);
        matches!(phase, Some(Phase::Waiting(wait)) if matches!(wait.what, Awaited::Approval { holds: true, .. }))
    });
    let is_held = state.status() != Status::Blocked || holds;
    expect(is_held, BLOCKED_IS_HELD, found, || format!("{state:?}"));
    expect(has_reason, LIVE_HAS_REASON, found, || format!("{state:?}"));
    let runs = state.status() == Status::Running;
    expect(runs == state.running_since.is_some(), CLOCK_RUNS_WITH_IT, found, || format!("{state:?}"));
}

/// What the journal says of the passage through a step that is under way.
#[derive(Default)]
struct Passage {
    attempt: u32,
    has_result: bool,
    in_flight: Option<u32>,
}

impl Passage {
    fn see(&mut self, path: &str, event: &Event, found: &mut Vec<Violation>) {
        match event {
            Event::StepStarted { attempt, .. } => {
                let is_next = *attempt == self.attempt + 1 || (self.has_result && *attempt == 1);
                expect(is_next, ATTEMPTS_COUNT_UP, found, || format!("{path}: {attempt} after {}", self.attempt));
                *self = Self { attempt: *attempt, has_result: false, in_flight: None };
            }
            Event::ActionStarted { action, .. } => {
                expect(self.in_flight.is_none(), ONE_OUTCOME, found, || format!("{path}: {action} left too early"));
                self.in_flight = Some(*action);
            }
            Event::ActionFinished { action, .. } => {
                let is_it = self.in_flight.take().is_none_or(|left| left == *action);
                expect(is_it, ONE_OUTCOME, found, || format!("{path}: action {action} was not under way"));
            }
            Event::ActionPutOff { action, .. } => {
                let was_under_way = self.in_flight.take() == Some(*action);
                expect(was_under_way, ONE_OUTCOME, found, || format!("{path}: action {action} was not under way"));
            }
            Event::StepSucceeded { .. } | Event::StepFailed { .. } => {
                expect(!self.has_result && self.attempt > 0, ONE_RESULT, found, || format!("{path}: {event:?}"));
                self.has_result = true;
            }
            Event::StepSkipped { .. } => self.has_result = true,
            Event::StepLeftOut { .. } => *self = Self { has_result: true, ..Self::default() },
            Event::RetryScheduled { .. } => {
                expect(!self.has_result, ONE_RESULT, found, || format!("{path}: {event:?}"));
            }
            _of_no_passage => {}
        }
    }
}

fn expect(holds: bool, invariant: &'static str, found: &mut Vec<Violation>, detail: impl Fn() -> String) {
    if !holds {
        found.push(Violation { invariant, detail: detail() });
    }
}
