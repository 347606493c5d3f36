//! Subscriptions against the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rule, Verdict};
use crate::dump::Execution;
use crate::history::History;

/// Checks every subscription.
pub fn check(verdict: &mut Verdict, history: &History, by_key: &BTreeMap<&str, Vec<&Execution>>) {
    for (key, followed) in &history.followed {
        let events: Vec<&str> = followed.items.iter().filter_map(|item| item.event.as_deref()).collect();
        let distinct: BTreeSet<&str> = events.iter().copied().collect();
        if distinct.len() < events.len() {
            verdict.broken(Rule::StreamHasNoRepeat, format!("{key}: {} repeats", events.len() - distinct.len()));
        }
        let ends = followed.items.iter().filter(|item| item.is_end).count();
        let is_last = followed.items.last().is_some_and(|item| item.is_end);
        if !followed.completed || ends != 1 || !is_last {
            let text = format!(
                "{key}: {ends} ends among {} items, the server {} the stream",
                followed.items.len(),
                if followed.completed { "completed" } else { "did not complete" }
            );
            verdict.broken(Rule::StreamSeesEnd, text);
            continue;
        }
        verdict.followed += 1;
        let seen: BTreeSet<i64> =
            followed.items.iter().filter(|item| item.event.is_some()).map(|item| item.sequence).collect();
        let (Some(first), Some(execution)) = (seen.first(), by_key.get(key.as_str()).and_then(|found| found.first()))
        else {
            continue;
        };
        let rows = execution.journal.iter().filter(|entry| !entry.facts.is_empty()).map(|entry| entry.sequence);
        let missing: Vec<String> =
            rows.filter(|row| row > first && !seen.contains(row)).map(|row| row.to_string()).collect();
        if !missing.is_empty() {
            verdict.broken(Rule::StreamHasNoGap, format!("{key}: nothing of the rows {}", missing.join(", ")));
        }
    }
}
