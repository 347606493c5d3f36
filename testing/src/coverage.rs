//! What the cases of one workflow have reached.

use std::collections::BTreeSet;

use engine::definition::{Step, StepKind, Wait};
use engine::machine::{StepStatus, StepTrace, Trace};
use engine::plan::Plan;

use crate::seen::Seen;

/// Steps and branches that were reached, of those that there are.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    steps: BTreeSet<String>,
    branches: BTreeSet<String>,
}

/// A share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// How many were reached.
    pub reached: usize,
    /// How many there are.
    pub total: usize,
    /// Those that were not.
    pub missing: Vec<String>,
}

impl Coverage {
    /// Adds what one run has reached.
    pub fn add(&mut self, seen: &Seen) {
        for step in &Trace::fold(seen.journal.clone()).steps {
            if step.status != StepStatus::Skipped {
                self.steps.insert(step.step_key.clone());
            }
            self.branches.extend(taken(step).map(|branch| format!("{} {branch}", step.step_key)));
        }
    }

    /// Steps of the workflow.
    #[must_use]
    pub fn steps(&self, plan: &Plan) -> Covered {
        covered(plan.steps().map(|step| step.id.clone()), &self.steps)
    }

    /// Ways out of its conditions, switches, approvals, waits and failures.
    #[must_use]
    pub fn branches(&self, plan: &Plan) -> Covered {
        covered(plan.steps().flat_map(ways_out), &self.branches)
    }
}

fn covered(all: impl Iterator<Item = String>, reached: &BTreeSet<String>) -> Covered {
    let all: BTreeSet<String> = all.collect();
    let missing: Vec<String> = all.difference(reached).cloned().collect();
    Covered { reached: all.len() - missing.len(), total: all.len(), missing }
}

fn ways_out(step: &Step) -> Vec<String> {
    let mut ways: Vec<String> = match &step.kind {
        StepKind::Condition { .. } => vec!["true".to_owned(), "false".to_owned()],
        StepKind::Switch { cases, .. } => {
            (1..=cases.len()).map(|number| format!("case {number}")).chain(["default".to_owned()]).collect()
        }
        StepKind::Approval { .. } => ["approved", "rejected", "expired"].map(str::to_owned).to_vec(),
        // Without a target the decision ends the flow, as its result tells.
        StepKind::Action { on_approved, on_rejected, on_expired, .. } => {
            let targets = [("approved", on_approved), ("rejected", on_rejected), ("expired", on_expired)];
            targets.into_iter().filter(|(_, to)| to.is_some()).map(|(way, _)| way.to_owned()).collect()
        }
        StepKind::Wait(Wait::Event { on_timeout: Some(_), .. }) => ["event", "timeout"].map(str::to_owned).to_vec(),
        _one_way => Vec::new(),
    };
    if step.when.is_some() {
        ways.push("skipped".to_owned());
    }
    if step.on_error.is_some() {
        ways.push("error".to_owned());
    }
    ways.into_iter().map(|way| format!("{} {way}", step.id)).collect()
}

fn taken(step: &StepTrace) -> impl Iterator<Item = String> {
    let mut ways = Vec::new();
    match step.status {
        StepStatus::Skipped => ways.push("skipped".to_owned()),
        StepStatus::Failed => ways.push("error".to_owned()),
        _other => {}
    }
    if let (Some(branch), false) = (&step.branch, step.status == StepStatus::Skipped) {
        let held = branch.why.last().is_some_and(|why| why.result);
        ways.push(match step.kind.as_str() {
            "switch" if held => format!("case {}", branch.why.len()),
            "switch" => "default".to_owned(),
            _condition => held.to_string(),
        });
    }
    if step.kind == "wait" && step.status == StepStatus::Succeeded {
        let timed_out = step.output.as_ref().is_some_and(|output| output["timed_out"] == true);
        let way = if timed_out { "timeout" } else { "event" };
        ways.push(way.to_owned());
    }
    if let Some(decision) = step.output.as_ref().and_then(|output| output["decision"].as_str()) {
        ways.push(decision.to_owned());
    }
    ways.into_iter()
}
