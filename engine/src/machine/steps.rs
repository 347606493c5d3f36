//! One step of one scope: begin an attempt, do what its type says, move on.

use serde_json::{Map, Value, json};

use super::STEP_BUDGET;
use super::effect::StepError;
use super::event::Event;
use super::outcome::{Decision, Outcome};
use super::render::bounded;
use super::run::Run;
use super::state::{Active, Phase, ScopeId};
use crate::definition::{Case, DecisionKind, Step, StepKind, Test};
use crate::expr::{EvalError, Explanation, Template};

/// What a step came to without leaving the process.
pub(super) struct Done {
    pub(super) output: Value,
    pub(super) to: Option<String>,
}

impl From<EvalError> for StepError {
    fn from(error: EvalError) -> Self {
        Self::other(error.code(), error.to_string())
    }
}

impl Run<'_> {
    /// Takes a scope that can move one step further.
    pub(super) fn step(&mut self, scope: ScopeId) {
        let Some(active) = self.state.scopes.get(&scope).and_then(|scope| scope.active.clone()) else { return };
        let plan = self.plan;
        let Some(step) = plan.step(&active.step) else {
            // A checked definition refers to its own steps only; a stored state of another version does not.
            let message = format!("the version has no step `{}`", active.step);
            return self.fail(StepError::other("STEP_MISSING", message), Some(active.path));
        };
        match active.phase {
            Phase::Ready => self.enter(scope, &active, step),
            Phase::Backoff { .. } => self.begin_attempt(scope, &active, step),
            Phase::Actions { .. } => self.act(scope, &active, step),
        }
    }

    /// Evaluates `when`, then begins the first attempt.
    fn enter(&mut self, scope: ScopeId, active: &Active, step: &Step) {
        if self.state.steps_taken >= STEP_BUDGET {
            let message = format!("the execution has taken {STEP_BUDGET} steps");
            return self.fail(StepError::other("STEP_BUDGET", message), Some(active.path.clone()));
        }
        if let Some(when) = &step.when {
            match when.evaluate(&self.view(scope, self.now)) {
                Ok(why) if !why.result => {
                    let (path, id) = (active.path.clone(), step.id.clone());
                    return self.emit(Event::StepSkipped { path, step: id, why, to: step.next.clone(), at: self.now });
                }
                Ok(_holds) => {}
                Err(problem) => {
                    self.start(active, step);
                    return self.step_failed(scope, active, step, problem.into());
                }
            }
        }
        self.begin_attempt(scope, active, step);
    }

    fn start(&mut self, active: &Active, step: &Step) {
        let (path, id, kind) = (active.path.clone(), step.id.clone(), kind_name(&step.kind).to_owned());
        self.emit(Event::StepStarted { path, step: id, attempt: active.attempt, kind, at: self.now });
    }

    /// Begins an attempt: a pure step is done at once, a list of actions goes on from the first.
    fn begin_attempt(&mut self, scope: ScopeId, active: &Active, step: &Step) {
        self.start(active, step);
        let done = match &step.kind {
            StepKind::Condition { test, on_true, on_false } => self.condition(scope, test, on_true.as_deref(), on_false.as_deref()),
            StepKind::Switch { cases, default } => self.switch(scope, cases, default.as_deref()),
            StepKind::Set(values) => self.set(scope, values).map(|output| Done { output, to: step.next.clone() }),
            StepKind::End => Ok(Done { output: Value::Null, to: None }),
            StepKind::Fail { code, message } => return self.fail_step(scope, active, step, code, message.as_ref()),
            StepKind::Action { decision, .. } => {
                if let Err(error) = self.decide(scope, active, decision) {
                    self.step_failed(scope, active, step, error);
                }
                // The list of actions goes on from here in the next round.
                return;
            }
            StepKind::Execute { .. } => return,
            StepKind::Approval { .. }
            | StepKind::Wait(_)
            | StepKind::Parallel { .. }
            | StepKind::Foreach(_)
            | StepKind::While { .. }
            | StepKind::Workflow { .. } => {
                // The check refuses such a definition; only a definition that was never checked comes here.
                Err(StepError::other("NOT_AVAILABLE", format!("steps of type `{}` are not available in this version", kind_name(&step.kind))))
            }
        };
        match done {
            Ok(done) => self.succeed(active, step, done),
            Err(error) => self.step_failed(scope, active, step, error),
        }
    }

    /// Ends a step well: its output is stored, bounded, and `save_as` puts it into the context.
    pub(super) fn succeed(&mut self, active: &Active, step: &Step, done: Done) {
        let output = bounded(done.output, step.keep_full_output);
        if let Some(path) = &step.save_as {
            self.emit(Event::ContextSet { path: path.clone(), value: output.clone() });
        }
        self.emit(Event::StepSucceeded { path: active.path.clone(), step: step.id.clone(), output, to: done.to, at: self.now });
    }

    fn condition(&mut self, scope: ScopeId, test: &Test, on_true: Option<&str>, on_false: Option<&str>) -> Result<Done, StepError> {
        let Test::Condition(condition) = test else {
            return Err(StepError::other("NOT_AVAILABLE", "rules are not available in this version"));
        };
        let why = condition.evaluate(&self.view(scope, self.now))?;
        let to = if why.result { on_true } else { on_false };
        let output = json!({ "result": why.result, "explanation": explained(&why) });
        Ok(Done { output, to: to.map(str::to_owned) })
    }

    fn switch(&mut self, scope: ScopeId, cases: &[Case], default: Option<&str>) -> Result<Done, StepError> {
        let view = self.view(scope, self.now);
        let mut explanations = Vec::with_capacity(cases.len());
        for (index, case) in cases.iter().enumerate() {
            let why = case.when.evaluate(&view)?;
            explanations.push(explained(&why));
            if why.result {
                let output = json!({ "case": index, "next": case.next, "explanations": explanations });
                return Ok(Done { output, to: Some(case.next.clone()) });
            }
        }
        Ok(Done { output: json!({ "case": null, "next": default, "explanations": explanations }), to: default.map(str::to_owned) })
    }

    /// Writes values; all are rendered before the first is written. Returns what was written.
    pub(super) fn set(&mut self, scope: ScopeId, values: &[(String, Template)]) -> Result<Value, StepError> {
        let view = self.view(scope, self.now);
        let mut written = Map::new();
        for (path, template) in values {
            written.insert(path.clone(), template.render(&view)?);
        }
        for (path, value) in &written {
            self.emit(Event::ContextSet { path: path.clone(), value: value.clone() });
        }
        Ok(Value::Object(written))
    }

    fn decide(&mut self, scope: ScopeId, active: &Active, decision: &crate::definition::Decision) -> Result<(), StepError> {
        let outcome = match decision.kind {
            DecisionKind::Allow => Outcome::Allowed,
            DecisionKind::Block | DecisionKind::RequireApproval => Outcome::Blocked,
            DecisionKind::Execute => return Ok(()),
        };
        let view = self.view(scope, self.now);
        let reason = decision.reason.as_ref().map(|reason| reason.render_text(&view)).transpose()?;
        let metadata = decision.metadata.as_ref().map(|metadata| metadata.render(&view)).transpose()?;
        self.emit(Event::Decided(Decision { outcome, reason, metadata, step: active.path.clone() }));
        Ok(())
    }

    fn fail_step(&mut self, scope: ScopeId, active: &Active, step: &Step, code: &str, message: Option<&Template>) {
        let message = match message {
            None => format!("step `{}` ended the execution", step.id),
            Some(template) => match template.render_text(&self.view(scope, self.now)) {
                Ok(message) => message,
                Err(problem) => return self.step_failed(scope, active, step, problem.into()),
            },
        };
        self.step_failed(scope, active, step, StepError::other(code, message));
    }

    /// The moment `now` stands for in the current attempt of a step.
    pub(super) fn attempt_now(&self, active: &Active) -> crate::Timestamp {
        match active.phase {
            Phase::Actions { now, .. } => now,
            Phase::Ready | Phase::Backoff { .. } => self.now,
        }
    }

}

fn explained(why: &Explanation) -> Value {
    serde_json::to_value(why).unwrap_or(Value::Null)
}

/// Name of a step type, as definitions write it.
pub(super) const fn kind_name(kind: &StepKind) -> &'static str {
    match kind {
        StepKind::Condition { .. } => "condition",
        StepKind::Switch { .. } => "switch",
        StepKind::Action { .. } => "action",
        StepKind::Execute { .. } => "execute",
        StepKind::Approval { .. } => "approval",
        StepKind::Wait(_) => "wait",
        StepKind::Parallel { .. } => "parallel",
        StepKind::Foreach(_) => "foreach",
        StepKind::While { .. } => "while",
        StepKind::Set(_) => "set",
        StepKind::Workflow { .. } => "workflow",
        StepKind::Fail { .. } => "fail",
        StepKind::End => "end",
    }
}
