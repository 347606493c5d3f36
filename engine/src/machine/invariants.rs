//! What always holds, by name: one definition for the tests and for whoever audits a database.

use std::collections::BTreeMap;

use super::apply::apply;
use super::event::Event;
use super::outstanding::{outstanding, waits};
use super::state::{Origin, State, Status};
use crate::plan::Plan;

const ENDS_ONCE: &str = "an execution ends at most once";
const NOTHING_AFTER_END: &str = "nothing follows the end";
const STATE_IS_FOLD: &str = "the state is the fold of the journal";
const KNOWS_ITS_END: &str = "the state says that it ended exactly when the journal does";
const LIVE_HAS_REASON: &str = "a live execution has something outstanding";
const CLOCK_RUNS_WITH_IT: &str = "running time counts exactly while it runs";
const ATTEMPTS_COUNT_UP: &str = "attempts of a step count up from 1";
const ONE_OUTCOME: &str = "an action that left has one outcome";
const ONE_RESULT: &str = "a passage through a step has one result";

/// The names of all invariants.
pub const INVARIANTS: [&str; 9] = [
    ENDS_ONCE,
    NOTHING_AFTER_END,
    STATE_IS_FOLD,
    KNOWS_ITS_END,
    LIVE_HAS_REASON,
    CLOCK_RUNS_WITH_IT,
    ATTEMPTS_COUNT_UP,
    ONE_OUTCOME,
    ONE_RESULT,
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
pub fn violations(plan: &Plan, origin: &Origin, journal: &[Event], state: &State) -> Vec<Violation> {
    let mut found = Vec::new();
    ends(journal, state, &mut found);
    reasons(plan, origin, journal, state, &mut found);
    let mut steps: BTreeMap<&str, Passage> = BTreeMap::new();
    for event in journal {
        if let Some(path) = event.step_path() {
            steps.entry(path).or_default().see(path, event, &mut found);
        }
    }
    found
}

fn ends(journal: &[Event], state: &State, found: &mut Vec<Violation>) {
    let ends = journal.iter().filter(|event| event.is_end()).count();
    expect(ends <= 1, ENDS_ONCE, found, || format!("{ends} ends"));
    let end_is_last = ends == 0 || journal.last().is_some_and(Event::is_end);
    expect(end_is_last, NOTHING_AFTER_END, found, || format!("the last event is {:?}", journal.last()));
    let status = state.status();
    expect((ends > 0) == state.has_ended(), KNOWS_ITS_END, found, || format!("{ends} ends, {}", status.name()));
    let mut folded = State::new();
    for event in journal {
        apply(&mut folded, event);
    }
    expect(folded == *state, STATE_IS_FOLD, found, || format!("the fold is {folded:?}, the state {state:?}"));
}

fn reasons(plan: &Plan, origin: &Origin, journal: &[Event], state: &State, found: &mut Vec<Violation>) {
    let has_begun = journal.iter().any(|event| matches!(event, Event::Started { .. }));
    // An accepted execution waits for a worker: the queue is its reason.
    let has_reason = match state.status() {
        Status::Queued => !has_begun,
        Status::Running => !outstanding(plan, origin, state).is_empty(),
        Status::Waiting => !waits(plan, origin, state).is_empty(),
        Status::Completed | Status::Failed => true,
    };
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
            Event::StepSucceeded { .. } | Event::StepFailed { .. } => {
                expect(!self.has_result && self.attempt > 0, ONE_RESULT, found, || format!("{path}: {event:?}"));
                self.has_result = true;
            }
            Event::StepSkipped { .. } => self.has_result = true,
            Event::RetryScheduled { .. } => {
                expect(!self.has_result, ONE_RESULT, found, || format!("{path}: {event:?}"));
            }
            Event::Accepted
            | Event::Started { .. }
            | Event::Resumed { .. }
            | Event::Suspended { .. }
            | Event::Decided(_)
            | Event::ContextSet { .. }
            | Event::Logged { .. }
            | Event::Warned { .. }
            | Event::Completed { .. }
            | Event::Failed { .. } => {}
        }
    }
}

fn expect(holds: bool, invariant: &'static str, found: &mut Vec<Violation>, detail: impl Fn() -> String) {
    if !holds {
        found.push(Violation { invariant, detail: detail() });
    }
}
