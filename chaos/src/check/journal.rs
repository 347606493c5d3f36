//! What one journal has to be.

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
}

/// Whether a row has the beginning of a step.
pub fn begins_step(entry: &Entry) -> bool {
    entry.facts.iter().any(|fact| matches!(fact, Fact::StepStarted | Fact::CallStarted { .. }))
}

fn is_end(fact: &Fact) -> bool {
    matches!(fact, Fact::Ended { .. })
}
