//! Warnings about what is allowed and probably not wanted (definition-language §10).

use super::{Finder, rules};
use crate::definition::reader::Read;
use crate::definition::{Action, ActionKind, Approval, Definition, ParallelStrategy, Step, StepKind, Wait};

pub(super) fn check(definition: &Definition, reads: &[Read], finder: &mut Finder) {
    // A deadline ends whatever waits too long.
    let is_bounded = definition.deadline.is_some();
    Advice { is_bounded, reads, finder }.steps(&definition.steps);
}

struct Advice<'c> {
    is_bounded: bool,
    reads: &'c [Read],
    finder: &'c mut Finder,
}

impl Advice<'_> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Action { execute, .. } | StepKind::Execute { execute } => {
                self.actions(step, execute);
            }
            StepKind::Approval { approval, .. } => {
                self.approval(approval, step, &format!("{}/approval", step.pointer));
            }
            StepKind::Wait(Wait::Event { timeout: None, .. }) if !self.is_bounded => {
                let message = format!("step `{}` may wait for ever", step.id);
                let hint = "add `timeout` to `wait`, and `on_timeout` if the flow can go on";
                let pointer = format!("{}/wait", step.pointer);
                self.add(rules::WAIT_WITHOUT_TIMEOUT, pointer, step, message, hint);
            }
            StepKind::Parallel { branches, strategy, .. } => {
                self.ignored_failure(step, *strategy);
                for branch in branches {
                    self.steps(branch);
                }
            }
            StepKind::Foreach(foreach) => self.steps(&foreach.steps),
            StepKind::While { steps, .. } => self.steps(steps),
            StepKind::Wait(_)
            | StepKind::Condition { .. }
            | StepKind::Switch { .. }
            | StepKind::Set(_)
            | StepKind::Enrich { .. }
            | StepKind::Workflow { .. }
            | StepKind::Fail { .. }
            | StepKind::End => {}
        }
    }

    fn actions(&mut self, step: &Step, actions: &[Action]) {
        let calls = |action: &Action| matches!(action.kind, ActionKind::Http(_) | ActionKind::GraphqlRequest { .. });
        if step.retry.is_none()
            && let Some(call) = actions.iter().find(|action| calls(action) && !action.optional)
        {
            let message = format!("step `{}` fails at the first failed call", step.id);
            let hint = "add \"retry\": {\"max_attempts\": 3} to the step";
            self.add(rules::HTTP_WITHOUT_RETRY, call.pointer.clone(), step, message, hint);
        }
        for action in actions {
            if let ActionKind::CreateApproval { approval } = &action.kind {
                self.approval(approval, step, &action.pointer);
            }
        }
    }

    fn approval(&mut self, approval: &Approval, step: &Step, pointer: &str) {
        if approval.expires_in.is_none() && !self.is_bounded {
            let message = format!("the approval of step `{}` may stay open for ever", step.id);
            let hint = "add \"expires_in\": \"24h\", and `on_expired` to the step";
            self.add(rules::APPROVAL_WITHOUT_EXPIRY, pointer.to_owned(), step, message, hint);
        }
    }

    fn ignored_failure(&mut self, step: &Step, strategy: ParallelStrategy) {
        let prefix = format!("steps.{}", step.id);
        let is_read =
            |path: &String| path.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if strategy == ParallelStrategy::BestEffort && !self.reads.iter().any(|read| read.paths.iter().any(is_read)) {
            let message = format!("nothing looks at whether a branch of `{}` failed", step.id);
            let hint = "read steps.<id>.branches in a condition, or use `all_must_pass`";
            let pointer = format!("{}/parallel", step.pointer);
            self.add(rules::IGNORED_BRANCH_FAILURE, pointer, step, message, hint);
        }
    }

    fn add(&mut self, rule: rules::Rule, pointer: String, step: &Step, message: String, hint: &str) {
        self.finder.add(rule, pointer, Some(&step.id), message, Some(hint.to_owned()));
    }
}
