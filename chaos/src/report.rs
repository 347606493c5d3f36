//! What a run came to, as a table or as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::check::{Verdict, Violation};
use crate::dump::Dump;
use crate::history::History;
use crate::nemesis::{Diary, Kind, Window};
use crate::settings::Settings;
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
        verdict: Verdict,
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
        let (takeovers, longest, alone) = recoveries(diary, dump);
        let counted = |name: &str| {
            diary.counters.iter().filter(|(counter, _value)| counter.starts_with(name)).map(|(_, value)| *value).sum()
        };
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
            fenced_writes: counted("sluice_commit_fenced_total"),
            takeovers,
            longest_recovery_ms: longest,
            longest_recovery_alone_ms: alone,
            panics: counted("sluice_panics_total") + counted("sluice_api_panics_total"),
            gave_up_at_start: counted("gave-up-at-start"),
            answers: history.answers.clone(),
            faults,
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

/// How many executions were taken over, and the longest time that took: of all, and without other faults.
fn recoveries(diary: &Diary, dump: &Dump) -> (usize, i64, i64) {
    let (mut takeovers, mut longest, mut alone) = (0, 0, 0);
    for bereaved in &diary.bereaved {
        for (id, epoch) in &bereaved.executions {
            let Some(execution) = dump.executions.get(id) else { continue };
            let next = execution.journal.iter().find(|entry| entry.at_ms >= bereaved.at_ms && entry.epoch > *epoch);
            // What was committed just before the loss needed nobody to take over.
            let Some(next) = next else { continue };
            takeovers += 1;
            let took = next.at_ms - bereaved.at_ms;
            longest = longest.max(took);
            let around = diary.windows.iter().filter(|window| touches(window, bereaved.at_ms, next.at_ms));
            if around.count() <= 1 {
                alone = alone.max(took);
            }
        }
    }
    (takeovers, longest, alone)
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
