//! The bound of executions at a time, by the order in which rows were written: an execution begins after the commit
//! of the end that made room for it, so its first step stands behind that end, whatever clocks say.

use super::{Rule, Verdict, named};
use crate::dump::{Dump, Execution, Fact};
use crate::workflows::{PAIR, PAIR_LIMIT};

/// Checks that no more have begun and not ended than may.
pub fn check(verdict: &mut Verdict, dump: &Dump) {
    let mut changes: Vec<(i64, bool, &Execution)> = Vec::new();
    for execution in dump.executions.values().filter(|execution| execution.workflow == PAIR) {
        let begun = position(execution, |fact| matches!(fact, Fact::StepStarted { .. }));
        let ended = position(execution, |fact| matches!(fact, Fact::Ended { .. }));
        // One that ended before it began needed no room.
        if let Some(begun) = begun {
            changes.push((begun, true, execution));
            changes.extend(ended.map(|ended| (ended, false, execution)));
        }
    }
    changes.sort_by_key(|(position, begins, _execution)| (*position, *begins));
    let mut held = 0_usize;
    for (_position, begins, execution) in changes {
        if !begins {
            held = held.saturating_sub(1);
            continue;
        }
        held += 1;
        if held > PAIR_LIMIT {
            verdict.broken(Rule::SlotsHold, format!("{} is number {held} of {PAIR_LIMIT}", named(execution)));
        }
    }
}

/// Where the first row with such a fact stands.
fn position(execution: &Execution, is_it: fn(&Fact) -> bool) -> Option<i64> {
    execution.journal.iter().find(|entry| entry.facts.iter().any(is_it)).map(|entry| entry.position)
}
