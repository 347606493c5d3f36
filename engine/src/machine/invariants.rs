//! What always holds, by name: one definition for the tests and for production.

use super::event::Event;
use super::outstanding::{outstanding, waits};
use super::state::{Origin, State};
use crate::plan::Plan;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Name of the invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// Looks at a state and the journal that led to it.
#[must_use]
pub fn violations(plan: &Plan, origin: &Origin, journal: &[Event], state: &State) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut expect = |holds: bool, invariant: &'static str, detail: &dyn Fn() -> String| {
        if !holds {
            found.push(Violation { invariant, detail: detail() });
        }
    };
    let ends = journal.iter().filter(|event| event.is_end()).count();
    expect(ends <= 1, "an execution ends once", &|| format!("{ends} ends"));
    expect(ends == 0 || journal.last().is_some_and(Event::is_end), "nothing follows the end", &|| format!("{:?}", journal.last()));
    expect((ends == 1) == state.has_ended(), "the state knows of the end", &|| format!("{ends} ends, status {:?}", state.status()));
    let mut folded = State::new();
    for event in journal {
        super::apply::apply(&mut folded, event);
    }
    expect(folded == *state, "state is the fold of the journal", &|| format!("{folded:?} is not {state:?}"));
    let is_waiting = !outstanding(plan, origin, state).is_empty() || !waits(plan, origin, state).is_empty();
    let has_begun = journal.iter().any(|event| matches!(event, Event::Started { .. }));
    expect(state.has_ended() || !has_begun || is_waiting, "a live execution has something outstanding", &|| format!("{state:?}"));
    for (index, event) in journal.iter().enumerate() {
        if let Event::ActionFinished { path, attempt, action, .. } = event {
            let finished = |other: &Event| matches!(other, Event::ActionFinished { path: p, attempt: t, action: a, .. } if p == path && t == attempt && a == action);
            let visits = journal[..index].iter().filter(|other| matches!(other, Event::StepStarted { path: p, attempt: t, .. } if p == path && t == attempt)).count();
            let accepted = journal[..=index].iter().filter(|other| finished(other)).count();
            expect(accepted <= visits, "one accepted outcome for each action of an attempt", &|| format!("{path} #{attempt} action {action}: {accepted}"));
        }
    }
    found
}
