//! Many histories, one after the other.

use crate::fault::Fault;
use crate::history::{Outcome, Recording, run};

/// Lines of a history that are shown.
const TAIL: usize = 40;

/// What a search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Histories that were run.
    pub histories: u64,
    /// Executions in them.
    pub executions: usize,
    /// Commits in them.
    pub commits: usize,
    /// Calls in them that reached the other side.
    pub calls: usize,
    /// The first violation.
    pub found: Option<Found>,
}

impl Summary {
    /// Counts what came of further histories.
    pub fn add(&mut self, further: Self) {
        self.histories += further.histories;
        self.executions += further.executions;
        self.commits += further.commits;
        self.calls += further.calls;
        self.found = self.found.take().or(further.found);
    }
}

/// A violation with what is needed to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The number that the history follows from.
    pub seed: u64,
    /// The invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
    /// The last lines of the history.
    pub tail: Vec<String>,
}

impl Found {
    /// The command that runs the history again.
    #[must_use]
    pub fn command(&self) -> String {
        format!("sluice sim --seed {}", self.seed)
    }
}

/// Runs `histories` from `seed` on until one violates an invariant.
#[must_use]
pub fn search(seed: u64, histories: u64, fault: Option<Fault>) -> Summary {
    let mut summary = Summary::default();
    for seed in (0..histories).map(|number| seed.wrapping_add(number)) {
        let outcome = run(seed, fault, Recording::None);
        summary.histories += 1;
        summary.executions += outcome.executions;
        summary.commits += outcome.commits;
        summary.calls += outcome.calls;
        if outcome.violation.is_some() {
            // Nobody kept its lines: the same seed tells them.
            summary.found = found(run(seed, fault, Recording::Lines));
            break;
        }
    }
    summary
}

fn found(outcome: Outcome) -> Option<Found> {
    let violation = outcome.violation?;
    let mut tail = outcome.lines;
    tail.drain(..tail.len().saturating_sub(TAIL));
    Some(Found { seed: outcome.seed, invariant: violation.invariant, detail: violation.detail, tail })
}
