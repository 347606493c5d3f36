//! What one journal has to be.

use std::collections::BTreeSet;

use super::{Rule, Verdict, named};
use crate::dump::{Entry, Execution, Fact};

/// Checks the journal of an execution.
pub fn check(verdict: &mut Verdict, execution: &Execution) {
    let journal = &execution.journal;
    for (entry, expected) in journal.iter().zip(1_i64..) {
        if entry.sequence != expected {
            let text = format!("{}: row {} follows row {}", named(execution), entry.sequence, expected - 1);
            verdict.broken(Rule::JournalHasNoGap, text);
            break;
        }
    }
    for pair in journal.windows(2) {
        let [before, after] = pair else { continue };
        if after.epoch < before.epoch || after.position <= before.position {
            let text = format!(
                "{}: row {} of epoch {} at {} follows row {} of epoch {} at {}",
                named(execution),
                after.sequence,
                after.epoch,
                after.position,
                before.sequence,
                before.epoch,
                before.position
            );
            verdict.broken(Rule::OneOwner, text);
        }
    }
    let facts = || journal.iter().flat_map(|entry| &entry.facts);
    let ends = facts().filter(|fact| is_end(fact)).count();
    let is_last = facts().next_back().is_some_and(is_end);
    if execution.ended_at_ms.is_some() && !(ends == 1 && is_last) {
        verdict.broken(Rule::EndIsLast, format!("{} has {ends} ends in its journal", named(execution)));
    }
    if execution.ended_at_ms.is_none() && ends > 0 {
        verdict.broken(Rule::EndIsLast, format!("{} has an end in its journal and is live", named(execution)));
    }
    pauses(verdict, execution);
}

/// No step begins in a pause, whatever clocks say: the journal has the order. What was under way goes on to its end.
fn pauses(verdict: &mut Verdict, execution: &Execution) {
    let mut begun = BTreeSet::new();
    let mut is_paused = false;
    for entry in &execution.journal {
        for fact in &entry.facts {
            let is_late = match fact {
                Fact::StepStarted { place } => {
                    begun.insert(place.as_str());
                    is_paused
                }
                // The actions of an attempt follow each other, in a pause too.
                Fact::CallStarted { place, .. } => is_paused && !begun.contains(attempt(place)),
                Fact::Paused => {
                    is_paused = true;
                    false
                }
                Fact::Unpaused => {
                    is_paused = false;
                    false
                }
                Fact::ActionFinished { .. } | Fact::Ended { .. } | Fact::Other => false,
            };
            if is_late {
                let text = format!("{}: row {} has {fact:?} in a pause", named(execution), entry.sequence);
                verdict.broken(Rule::PauseHolds, text);
            }
        }
    }
}

/// The attempt that an action belongs to.
fn attempt(place: &str) -> &str {
    place.rsplit_once(' ').map_or(place, |(attempt, _action)| attempt)
}

/// Whether a row has the beginning of a step.
pub fn begins_step(entry: &Entry) -> bool {
    entry.facts.iter().any(|fact| matches!(fact, Fact::StepStarted { .. } | Fact::CallStarted { .. }))
}

fn is_end(fact: &Fact) -> bool {
    matches!(fact, Fact::Ended { .. })
}
