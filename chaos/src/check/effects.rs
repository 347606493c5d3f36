//! Calls at the service outside against the attempts that the journal has.
//!
//! An attempt that begins under one epoch and has its result under another may have been sent once
//! under each epoch in between: the one before died, or was taken for dead. Beyond that, nothing.

use std::collections::BTreeMap;

use super::{Rule, Verdict, named};
use crate::dump::{Dump, Execution, Fact};
use crate::sink::Ledger;

/// What a key may have caused.
#[derive(Debug, Default)]
struct Allowance {
    /// Attempts.
    attempts: usize,
    /// Attempts that have a result.
    finished: usize,
    /// Sends: one for each attempt and epoch.
    sends: usize,
}

/// Checks all calls.
pub fn check(verdict: &mut Verdict, ledger: &Ledger, dump: &Dump) {
    let mut known: BTreeMap<String, (Allowance, &Execution)> = BTreeMap::new();
    for execution in dump.executions.values() {
        for (key, allowance) in allowances(execution) {
            known.insert(key, (allowance, execution));
        }
    }
    for (key, arrivals) in ledger {
        verdict.calls += arrivals.len();
        let Some((allowance, execution)) = known.get(key) else {
            let path = arrivals.first().map_or("", |arrival| arrival.path.as_str());
            verdict
                .broken(Rule::EffectIsJournalled, format!("{path} arrived with the key `{key}`, which no journal has"));
            continue;
        };
        verdict.repeats += arrivals.len().min(allowance.sends).saturating_sub(allowance.attempts);
        let beyond = arrivals.len().saturating_sub(allowance.sends);
        if beyond > 0 {
            verdict.duplicates += beyond;
            let text = format!(
                "{}: key `{key}` arrived {} times, {} attempts under {} epochs may send",
                named(execution),
                arrivals.len(),
                allowance.attempts,
                allowance.sends
            );
            verdict.broken(Rule::EffectOncePerEpoch, text);
        }
    }
    for (key, (allowance, execution)) in &known {
        if allowance.finished > 0 && !ledger.contains_key(key) {
            verdict.broken(Rule::EffectHappened, format!("{}: key `{key}` never arrived", named(execution)));
        }
    }
}

fn allowances(execution: &Execution) -> BTreeMap<String, Allowance> {
    // Attempts that have begun and have no result yet: key and epoch of the beginning.
    let mut open: BTreeMap<&str, (&str, i64)> = BTreeMap::new();
    let mut known: BTreeMap<String, Allowance> = BTreeMap::new();
    let epochs = |from: i64, to: i64| usize::try_from((to - from + 1).max(1)).unwrap_or(1);
    for entry in &execution.journal {
        for fact in &entry.facts {
            match fact {
                Fact::CallStarted { place, key } => {
                    known.entry(key.clone()).or_default().attempts += 1;
                    open.insert(place, (key, entry.epoch));
                }
                Fact::ActionFinished { place } => {
                    if let Some((key, begun)) = open.remove(place.as_str()) {
                        let allowance = known.entry(key.to_owned()).or_default();
                        allowance.finished += 1;
                        allowance.sends += epochs(begun, entry.epoch);
                    }
                }
                Fact::StepStarted { .. } | Fact::Paused | Fact::Unpaused | Fact::Ended { .. } | Fact::Other => {}
            }
        }
    }
    for (key, begun) in open.into_values() {
        known.entry(key.to_owned()).or_default().sends += epochs(begun, execution.epoch);
    }
    known
}
