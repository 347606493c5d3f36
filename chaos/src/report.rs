//! What a run came to, as a table or as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::check::fleet::{self, Recovery};
use crate::check::{Verdict, Violation};
use crate::dump::{Dump, Execution, Fact};
use crate::history::History;
use crate::nemesis::{Diary, Kind, Window};
use crate::settings::{Mode, Settings};
use crate::workflows::CALL;

/// The figures of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seed of faults and load.
    pub seed: u64,
    /// Mode.
    pub mode: String,
    /// Starts that were answered.
    pub accepted: usize,
    /// Executions, children and those of events included.
    pub executions: usize,
    /// Of those, ended.
    pub ended: usize,
    /// Accepted, and not there or not ended.
    pub lost: usize,
    /// Calls that arrived outside.
    pub calls: usize,
    /// Calls more than one per attempt and epoch.
    pub duplicates_within_an_epoch: usize,
    /// Calls repeated by the owner that took over.
    pub repeats_across_epochs: usize,
    /// Subscriptions that were followed to the end.
    pub subscriptions: usize,
    /// Points in time of schedules that started something.
    pub fired: usize,
    /// Writes that were refused because another epoch owns the execution.
    pub fenced_writes: u64,
    /// Executions that a later epoch went on with after their worker was killed or stopped.
    pub takeovers: usize,
    /// Longest time from the loss of a worker until an execution of its went on, milliseconds.
    pub longest_recovery_ms: i64,
    /// The same, over losses while nothing else was broken.
    pub longest_recovery_alone_ms: i64,
    /// Panics that processes counted.
    pub panics: u64,
    /// Processes that gave up at their start while servers were away.
    pub gave_up_at_start: u64,
    /// Answers by kind: known to have happened, known not to have, unknown.
    pub answers: BTreeMap<&'static str, u64>,
    /// How often each fault was there.
    pub faults: BTreeMap<String, usize>,
    /// Faults of the mode that the run did not choose from.
    pub left_out: Vec<String>,
    /// From start to end of `chaos_call`, milliseconds.
    pub latency: BTreeMap<&'static str, Latency>,
    /// Why the run proves nothing.
    pub invalid: Vec<String>,
    /// What did not hold.
    pub violations: Vec<Violation>,
}

/// Times of many executions, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many.
    pub count: usize,
    /// Half were faster.
    pub p50: i64,
    /// 99 of 100 were faster.
    pub p99: i64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything held.
    Passed,
    /// Something did not hold.
    Violated,
    /// It proves nothing.
    Invalid,
}

impl Report {
    /// Puts the figures together.
    #[must_use]
    pub fn of(
        settings: &Settings,
        kinds: &[(Kind, u64)],
        history: &History,
        diary: &Diary,
        dump: &Dump,
        mut verdict: Verdict,
    ) -> Self {
        let mut faults: BTreeMap<String, usize> = kinds.iter().map(|(kind, _weight)| (kind.to_string(), 0)).collect();
        for window in &diary.windows {
            *faults.entry(window.kind.to_string()).or_default() += 1;
        }
        let mut invalid: Vec<String> = faults
            .iter()
            .filter(|(_kind, count)| **count == 0)
            .map(|(kind, _count)| format!("{kind} was never there"))
            .collect();
        if verdict.ended < settings.at_least {
            invalid.push(format!("{} executions ended, {} are worth looking at", verdict.ended, settings.at_least));
        }
        if verdict.fired == 0 {
            invalid.push("no schedule fired".to_owned());
        }
        let recoveries = recoveries(diary, dump);
        let counted = |name: &str| -> u64 {
            diary.counters.iter().filter(|(counter, _value)| counter.starts_with(name)).map(|(_, value)| *value).sum()
        };
        let panics = counted("sluice_panics_total") + counted("sluice_api_panics_total");
        let fenced_writes = counted("sluice_commit_fenced_total");
        let loses_workers = kinds.iter().any(|(kind, _weight)| matches!(kind, Kind::KillWorker | Kind::StopWorker));
        // In embedded mode nobody can look what the one process had.
        if settings.mode == Mode::Cluster && loses_workers && fenced_writes == 0 && recoveries.takeovers == 0 {
            invalid.push("no execution was taken over from a lost worker, and no late write was refused".to_owned());
        }
        fleet::check(&mut verdict, panics, recoveries.slowest.as_ref(), settings.lease);
        let is_left_out = |kind: &Kind| kinds.iter().all(|(known, _weight)| known != kind);
        let left_out = Kind::of(settings.mode).into_iter().map(|(kind, _weight)| kind).filter(is_left_out);
        Self {
            seed: settings.seed,
            mode: format!("{:?}", settings.mode).to_lowercase(),
            accepted: verdict.accepted,
            executions: verdict.executions,
            ended: verdict.ended,
            lost: verdict.lost,
            calls: verdict.calls,
            duplicates_within_an_epoch: verdict.duplicates,
            repeats_across_epochs: verdict.repeats,
            subscriptions: verdict.followed,
            fired: verdict.fired,
            fenced_writes,
            takeovers: recoveries.takeovers,
            longest_recovery_ms: recoveries.longest_ms,
            longest_recovery_alone_ms: recoveries.longest_alone_ms,
            panics,
            gave_up_at_start: counted("gave-up-at-start"),
            answers: history.answers.clone(),
            faults,
            left_out: left_out.map(|kind| kind.to_string()).collect(),
            latency: latencies(&diary.windows, dump),
            invalid,
            violations: verdict.violations,
        }
    }

    /// Whether it is green; a violation counts even in a run that is otherwise not worth looking at.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if !self.violations.is_empty() {
            Outcome::Violated
        } else if self.invalid.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Invalid
        }
    }
}

/// What became of the executions of lost workers.
#[derive(Debug, Default)]
struct Recoveries {
    /// How many were taken over.
    takeovers: usize,
    /// The longest time that took.
    longest_ms: i64,
    /// The same, without other faults.
    longest_alone_ms: i64,
    /// The same, of those that had a call under way: what was parked just before the loss waits for something else.
    slowest: Option<Recovery>,
}

fn recoveries(diary: &Diary, dump: &Dump) -> Recoveries {
    let mut found = Recoveries::default();
    for bereaved in &diary.bereaved {
        for (id, epoch) in &bereaved.executions {
            let Some(execution) = dump.executions.get(id) else { continue };
            let next = execution.journal.iter().find(|entry| entry.at_ms >= bereaved.at_ms && entry.epoch > *epoch);
            // What was committed just before the loss needed nobody to take over.
            let Some(next) = next else { continue };
            found.takeovers += 1;
            let took_ms = next.at_ms - bereaved.at_ms;
            found.longest_ms = found.longest_ms.max(took_ms);
            let around = diary.windows.iter().filter(|window| touches(window, bereaved.at_ms, next.at_ms));
            if around.count() > 1 {
                continue;
            }
            found.longest_alone_ms = found.longest_alone_ms.max(took_ms);
            let is_slowest = found.slowest.as_ref().is_none_or(|slowest| slowest.took_ms < took_ms);
            if is_slowest && has_call_under_way(execution, *epoch) {
                found.slowest = Some(Recovery { execution: id.clone(), took_ms });
            }
        }
    }
    found
}

/// Whether a call had begun and had no result in what was written up to an epoch.
fn has_call_under_way(execution: &Execution, epoch: i64) -> bool {
    let mut open = BTreeSet::new();
    for fact in execution.journal.iter().filter(|entry| entry.epoch <= epoch).flat_map(|entry| &entry.facts) {
        match fact {
            Fact::CallStarted { place, .. } => {
                open.insert(place.as_str());
            }
            Fact::ActionFinished { place } => {
                open.remove(place.as_str());
            }
            Fact::StepStarted { .. } | Fact::Paused | Fact::Unpaused | Fact::Ended { .. } | Fact::Other => {}
        }
    }
    !open.is_empty()
}

fn touches(window: &Window, from_ms: i64, to_ms: i64) -> bool {
    window.from_ms <= to_ms && window.to_ms >= from_ms
}

fn latencies(windows: &[Window], dump: &Dump) -> BTreeMap<&'static str, Latency> {
    let mut times: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
    for execution in dump.executions.values().filter(|execution| execution.workflow == CALL) {
        let (Some(ended), from) = (execution.ended_at_ms, execution.queued_at_ms) else { continue };
        let is_disturbed = windows.iter().any(|window| touches(window, from, ended));
        times.entry(if is_disturbed { "in faults" } else { "without" }).or_default().push(ended - from);
    }
    times
        .into_iter()
        .map(|(name, mut times)| {
            times.sort_unstable();
            let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or(0);
            (name, Latency { count: times.len(), p50: at(50), p99: at(99) })
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<34} {value:>12}");
        line("seed", self.seed.to_string())?;
        line("mode", self.mode.clone())?;
        line("starts accepted", self.accepted.to_string())?;
        line("executions", self.executions.to_string())?;
        line("ended", self.ended.to_string())?;
        line("lost", self.lost.to_string())?;
        line("calls outside", self.calls.to_string())?;
        line("duplicates within an epoch", self.duplicates_within_an_epoch.to_string())?;
        line("repeats across epochs", self.repeats_across_epochs.to_string())?;
        line("subscriptions followed", self.subscriptions.to_string())?;
        line("times of schedules", self.fired.to_string())?;
        line("fenced writes", self.fenced_writes.to_string())?;
        line("takeovers", self.takeovers.to_string())?;
        line("longest recovery, ms", self.longest_recovery_ms.to_string())?;
        line("  with no other fault, ms", self.longest_recovery_alone_ms.to_string())?;
        line("panics", self.panics.to_string())?;
        line("gave up at their start", self.gave_up_at_start.to_string())?;
        for (kind, count) in &self.answers {
            line(&format!("answers: {kind}"), count.to_string())?;
        }
        for (name, latency) in &self.latency {
            line(&format!("start to end {name}: count"), latency.count.to_string())?;
            line(&format!("start to end {name}: p50, ms"), latency.p50.to_string())?;
            line(&format!("start to end {name}: p99, ms"), latency.p99.to_string())?;
        }
        for (kind, count) in &self.faults {
            line(&format!("fault {kind}"), count.to_string())?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "left out: {}", self.left_out.join(", "))?;
        }
        for reason in &self.invalid {
            writeln!(f, "INVALID: {reason}")?;
        }
        for violation in self.violations.iter().take(50) {
            writeln!(f, "VIOLATION: {violation}")?;
        }
        if self.violations.len() > 50 {
            writeln!(f, "and {} more violations", self.violations.len() - 50)?;
        }
        write!(f, "{:?}", self.outcome())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Entry;
    use crate::nemesis::Bereaved;

    const PLACE: &str = "call 1 0";

    fn call_started() -> Fact {
        Fact::CallStarted { place: PLACE.to_owned(), key: "effect-1".to_owned() }
    }

    fn window(kind: Kind, from_ms: i64, to_ms: i64) -> Window {
        Window { kind, victim: String::new(), from_ms, to_ms }
    }

    /// One execution whose worker was lost at 100, and that went on at 700 under the next epoch.
    fn lost(facts: Vec<Fact>) -> (Diary, Dump) {
        let entry = |sequence, epoch, at_ms, facts| Entry { sequence, position: sequence, epoch, at_ms, facts };
        let journal = vec![entry(1, 1, 50, facts), entry(2, 2, 700, vec![Fact::Other])];
        let execution = Execution { id: "01".to_owned(), epoch: 2, journal, ..Execution::default() };
        let bereaved = vec![Bereaved { at_ms: 100, executions: vec![("01".to_owned(), 1)] }];
        let diary = Diary { windows: vec![window(Kind::KillWorker, 100, 500)], bereaved, ..Diary::default() };
        (diary, Dump { executions: BTreeMap::from([("01".to_owned(), execution)]) })
    }

    #[test]
    fn a_recovery_is_judged_when_a_call_was_under_way_and_nothing_else_was_broken() {
        let (mut diary, dump) = lost(vec![call_started()]);
        let slowest = Recovery { execution: "01".to_owned(), took_ms: 600 };
        assert_eq!(recoveries(&diary, &dump).slowest, Some(slowest));
        diary.windows.push(window(Kind::RedisFlush, 600, 650));
        let found = recoveries(&diary, &dump);
        assert_eq!((found.takeovers, found.longest_ms, found.longest_alone_ms, found.slowest), (1, 600, 0, None));
        let (diary, dump) = lost(vec![call_started(), Fact::ActionFinished { place: PLACE.to_owned() }]);
        let found = recoveries(&diary, &dump);
        assert_eq!((found.longest_alone_ms, found.slowest), (600, None), "it may wait for something else");
    }
}
