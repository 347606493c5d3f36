//! The checker: what clients were told, what the service outside saw, and what the database holds have to agree.
//!
//! A pure function of the three; it knows nothing of faults, except that some repeats are theirs.

mod effects;
pub mod fleet;
mod journal;
mod slots;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::dump::{Dump, Execution, status};
use crate::history::{Cancelled, Expected, History};
use crate::sink::Ledger;
use crate::workflows::{FAN, FANNED, PARENT, TICK};

/// What did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every accepted start is in the database.
    AcceptedIsDurable,
    /// One key, one execution, and no execution without a key.
    OneExecutionPerKey,
    /// Everything ends.
    EverythingEnds,
    /// It ends as its input says.
    ExpectedEnd,
    /// What was answered as cancelled stays so, and begins no step.
    CancelledStaysSo,
    /// An event or a parent starts one execution.
    StartedOnce,
    /// A point in time of a schedule starts one execution.
    ScheduleFiresOnce,
    /// A journal counts 1, 2, 3, …
    JournalHasNoGap,
    /// Epochs never fall, and rows are written in order: one owner at a time.
    OneOwner,
    /// Nothing follows the end.
    EndIsLast,
    /// An approval has one answer, and the flow goes on with it.
    DecidedOnce,
    /// No more executions of one key are under way than its limit.
    SlotsHold,
    /// No step begins in a pause.
    PauseHolds,
    /// A call that has a result arrived.
    EffectHappened,
    /// What arrived was decided before.
    EffectIsJournalled,
    /// One attempt sends at most once under one epoch.
    EffectOncePerEpoch,
    /// A subscription has each event once.
    StreamHasNoRepeat,
    /// A subscription has every event.
    StreamHasNoGap,
    /// A subscription has the end, once, and is then complete.
    StreamSeesEnd,
    /// No answer and no exit that no fault explains.
    NoSurprise,
    /// No process panicked.
    NoPanic,
    /// What a lost worker had under way goes on after the lease.
    RecoveredInTime,
}

/// One thing that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// What it is about, and how it is broken.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.text)
    }
}

/// Everything that did not hold, and figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Starts that were answered.
    pub accepted: usize,
    /// Executions in the database, children and those of events included.
    pub executions: usize,
    /// Of those, ended.
    pub ended: usize,
    /// Accepted and not there, or not ended.
    pub lost: usize,
    /// Calls that arrived.
    pub calls: usize,
    /// Calls more than one attempt may make under one epoch.
    pub duplicates: usize,
    /// Calls that were repeated because another epoch took over in between.
    pub repeats: usize,
    /// Subscriptions that were followed to the end.
    pub followed: usize,
    /// Points in time of schedules that started something.
    pub fired: usize,
}

impl Verdict {
    fn broken(&mut self, rule: Rule, text: String) {
        self.violations.push(Violation { rule, text });
    }
}

/// Checks a run that is over: nothing may be live any more.
#[must_use]
pub fn check(history: &History, ledger: &Ledger, dump: &Dump) -> Verdict {
    let mut verdict = Verdict { executions: dump.executions.len(), ..Verdict::default() };
    for surprise in &history.surprises {
        verdict.broken(Rule::NoSurprise, surprise.clone());
    }
    let mut by_key: BTreeMap<&str, Vec<&Execution>> = BTreeMap::new();
    for execution in dump.executions.values() {
        if let Some(key) = &execution.key {
            by_key.entry(key).or_default().push(execution);
        }
        if execution.ended_at_ms.is_some() {
            verdict.ended += 1;
        } else {
            verdict.broken(Rule::EverythingEnds, format!("{} has not ended", named(execution)));
        }
        journal::check(&mut verdict, execution);
    }
    starts(&mut verdict, history, &by_key);
    started_by_executions(&mut verdict, dump);
    started_by_schedules(&mut verdict, dump);
    slots::check(&mut verdict, dump);
    effects::check(&mut verdict, ledger, dump);
    streams::check(&mut verdict, history, &by_key);
    verdict
}

fn starts(verdict: &mut Verdict, history: &History, by_key: &BTreeMap<&str, Vec<&Execution>>) {
    for (key, start) in &history.starts {
        let found = by_key.get(key.as_str()).map_or(&[][..], Vec::as_slice);
        if found.len() > 1 {
            verdict.broken(Rule::OneExecutionPerKey, format!("{key} made {} executions", found.len()));
        }
        let mut ids = start.executions.clone();
        ids.dedup();
        if ids.len() > 1 {
            verdict.broken(Rule::OneExecutionPerKey, format!("{key} was answered with {}", ids.join(" and ")));
        }
        if start.executions.is_empty() {
            continue;
        }
        verdict.accepted += 1;
        let Some(execution) = found.first() else {
            verdict.lost += 1;
            verdict.broken(Rule::AcceptedIsDurable, format!("{key} was accepted and is not there"));
            continue;
        };
        if execution.ended_at_ms.is_none() {
            verdict.lost += 1;
            continue;
        }
        let answers = history.decisions.get(key).map_or(&[][..], Vec::as_slice);
        if answers.contains(&true) && answers.contains(&false) {
            verdict.broken(Rule::DecidedOnce, format!("{key} was approved and rejected, both were answered so"));
        }
        end(verdict, key, results(start.expected, answers), history.cancels.get(key).copied(), execution);
    }
    for key in by_key.keys() {
        if !history.starts.contains_key(*key) {
            verdict.broken(Rule::OneExecutionPerKey, format!("nobody started {key}"));
        }
    }
}

/// What an execution may come to: what its input says, or what a client was told of its answer to the approval.
fn results(expected: Expected, answers: &[bool]) -> &'static [i64] {
    match (expected, answers.first().copied()) {
        (Expected::Allowed, _) | (Expected::Decided, Some(true)) => &[1],
        (Expected::Blocked, _) | (Expected::Decided, Some(false)) => &[2],
        // The one that was first has no answer.
        (Expected::Decided, None) => &[1, 2],
    }
}

fn end(verdict: &mut Verdict, key: &str, results: &[i64], cancel: Option<Cancelled>, execution: &Execution) {
    let is_cancelled = execution.status == status::CANCELLED;
    if let Some(Cancelled::Accepted(answered_ms)) = cancel {
        if !is_cancelled {
            verdict.broken(Rule::CancelledStaysSo, format!("{key} ended with status {}", execution.status));
        }
        let late = execution.journal.iter().filter(|entry| entry.at_ms > answered_ms).any(journal::begins_step);
        if late {
            verdict.broken(Rule::CancelledStaysSo, format!("{key} began a step after the answer"));
        }
    } else if is_cancelled && cancel.is_none() {
        verdict.broken(Rule::ExpectedEnd, format!("{key} was cancelled by nobody"));
    }
    let is_expected = execution.result.is_some_and(|result| results.contains(&result));
    if !is_cancelled && (execution.status != status::COMPLETED || !is_expected) {
        let error = execution.error.as_deref().unwrap_or("no error");
        let text = format!("{key} ended with status {} and result {:?}: {error}", execution.status, execution.result);
        verdict.broken(Rule::ExpectedEnd, text);
    }
}

/// One child for each parent that completed; one execution for each event that was emitted.
fn started_by_executions(verdict: &mut Verdict, dump: &Dump) {
    let mut children: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fanned: BTreeMap<&str, usize> = BTreeMap::new();
    for execution in dump.executions.values() {
        if let Some(parent) = &execution.parent {
            *children.entry(parent).or_default() += 1;
        }
        if execution.workflow == FANNED {
            *fanned.entry(execution.tag.as_deref().unwrap_or_default()).or_default() += 1;
        }
        // Only those that clients start may be cancelled.
        let is_inner = execution.key.is_none();
        if is_inner && execution.ended_at_ms.is_some() && execution.status != status::COMPLETED {
            let error = execution.error.as_deref().unwrap_or("no error");
            verdict.broken(
                Rule::ExpectedEnd,
                format!("{} ended with status {}: {error}", named(execution), execution.status),
            );
        }
    }
    for execution in dump.executions.values().filter(|execution| execution.status == status::COMPLETED) {
        let count = match execution.workflow.as_str() {
            PARENT => children.get(execution.id.as_str()).copied().unwrap_or(0),
            FAN => fanned.get(execution.tag.as_deref().unwrap_or_default()).copied().unwrap_or(0),
            _other => continue,
        };
        if count != 1 {
            verdict.broken(Rule::StartedOnce, format!("{} started {count} executions", named(execution)));
        }
    }
}

/// One execution for each point in time.
fn started_by_schedules(verdict: &mut Verdict, dump: &Dump) {
    let mut fired: BTreeMap<&str, usize> = BTreeMap::new();
    for execution in dump.executions.values().filter(|execution| execution.workflow == TICK) {
        *fired.entry(execution.tag.as_deref().unwrap_or_default()).or_default() += 1;
    }
    verdict.fired = fired.len();
    for (at, count) in fired.into_iter().filter(|(_at, count)| *count > 1) {
        verdict.broken(Rule::ScheduleFiresOnce, format!("{TICK} at `{at}` started {count} executions"));
    }
}

/// How messages call an execution.
fn named(execution: &Execution) -> String {
    let tag = execution.key.as_deref().or(execution.tag.as_deref()).unwrap_or("no tag");
    format!("{} {} ({tag})", execution.workflow, execution.id)
}
