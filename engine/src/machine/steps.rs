//! One step of one scope: begin an attempt, do what its type says, move on.

use serde_json::{Map, Value};

use super::effect::StepError;
use super::event::Event;
use super::outcome::{Decision, Outcome};
use super::render::bounded_shared;
use super::run::{Here, Run};
use super::state::{Phase, ScopeId};
use crate::definition::{Case, DecisionKind, Step, StepKind, Test};
use crate::expr::measure::take;
use crate::expr::{EvalError, Explanation, MAX_OUTPUT, Template};
use crate::plan::LOADING_STEP;
use crate::{Name, Shared};

/// What a step came to without leaving the process.
pub(super) struct Done {
    pub(super) output: Shared,
    pub(super) to: Option<Name>,
}

impl From<EvalError> for StepError {
    fn from(error: EvalError) -> Self {
        Self::other(error.code(), error.to_string())
    }
}

/// What a scope that can move has to do.
enum Todo {
    Enter,
    TryAgain,
    Act(u32),
    GoOnWithBody,
    EndWait,
}

impl Run<'_> {
    /// Takes a scope that can move one step further.
    pub(super) fn step(&mut self, scope: ScopeId) {
        let Some(found) = self.state.scopes.get(&scope) else { return };
        let Some(active) = found.active.as_ref() else { return self.close_scope(scope) };
        let here = Here::of(scope, active, self.now);
        let todo = match active.phase {
            Phase::Ready => Todo::Enter,
            Phase::Backoff { .. } => Todo::TryAgain,
            Phase::Actions { next, .. } => Todo::Act(next),
            Phase::Children(_) => Todo::GoOnWithBody,
            Phase::Waiting(_) => Todo::EndWait,
        };
        let plan = self.plan;
        let Some(step) = plan.find(&active.step) else {
            // A checked definition refers to its own steps only; a stored state of another version may not.
            let message = format!("the version has no step `{}`", active.step);
            return self.fail(StepError::other("STEP_MISSING", message), Some(here.path));
        };
        match todo {
            Todo::Act(next) => self.act(&here, step, next),
            Todo::GoOnWithBody => self.go_on_with_body(&here, step),
            Todo::EndWait => self.end_wait(&here, step),
            Todo::Enter | Todo::TryAgain if self.is_over_budget(&here) => {}
            Todo::Enter => self.enter(&here, step),
            Todo::TryAgain => self.begin_attempt(&here, step),
        }
    }

    /// The step that comes after one without a branch key that applies.
    pub(super) fn after(&self, step: &Step) -> Option<Name> {
        if step.id == LOADING_STEP {
            // One that is retried, or repeats another, goes on where it is to begin.
            return self.state.entry.as_ref().or(step.next.as_ref()).map(Name::new);
        }
        step.next.as_deref().or_else(|| self.plan.follows(&step.id)).map(Name::new)
    }

    /// Where a condition or a switch without a branch key that applies goes: in a branch or a loop
    /// on in listed order, at the top level nowhere.
    fn otherwise(&self, step: &Step) -> Option<Name> {
        if self.plan.is_nested(&step.id) { self.after(step) } else { None }
    }

    /// Evaluates `when`, then begins the first attempt.
    fn enter(&mut self, here: &Here, step: &Step) {
        if let Some(when) = &step.when {
            let why = when.evaluate(&self.view(here));
            match why {
                Ok(why) => {
                    self.warn(here, &why);
                    if !why.result {
                        let (path, kind) = (here.path.clone(), Name::new_static(kind_name(&step.kind)));
                        let (step, to) = (Name::new(&step.id), self.after(step));
                        return self.emit(Event::StepSkipped { path, step, kind, why, to, at: self.now });
                    }
                }
                Err(problem) => {
                    // Not tried again: an attempt would begin behind the condition that has no answer.
                    self.start(here, step);
                    return self.give_up(here, step, problem.into());
                }
            }
        }
        self.begin_attempt(here, step);
    }

    fn start(&mut self, here: &Here, step: &Step) {
        let (path, id, kind) = (here.path.clone(), Name::new(&step.id), Name::new_static(kind_name(&step.kind)));
        self.emit(Event::StepStarted { path, step: id, attempt: here.attempt, kind, at: self.now });
    }

    /// Begins an attempt: a pure step is done at once, a list of actions goes on in the next round.
    fn begin_attempt(&mut self, here: &Here, step: &Step) {
        self.start(here, step);
        let done = match &step.kind {
            StepKind::Condition { test, on_true, on_false } => {
                self.condition(here, step, test, on_true.as_deref(), on_false.as_deref())
            }
            StepKind::Switch { cases, default } => self.switch(here, step, cases, default.as_deref()),
            StepKind::Set(values) => {
                self.set(here, values).map(|output| Done { output: output.into(), to: self.after(step) })
            }
            StepKind::Enrich { rule } => {
                self.enrich(here, rule).map(|output| Done { output: output.into(), to: self.after(step) })
            }
            // In a branch or a loop it ends the branch or the round that it stands in.
            StepKind::End => Ok(Done { output: Shared::default(), to: None }),
            StepKind::Fail { code, message } => Err(self.failure(here, step, code, message.as_ref())),
            StepKind::Action { decision, .. } => match self.decide(here, decision) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            StepKind::Execute { .. } | StepKind::Workflow { .. } => return,
            StepKind::Approval { approval, .. } => match self.ask(here, approval) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            StepKind::Wait(wait) => match self.wait(here, step, wait) {
                Ok(None) => return self.take_kept(),
                Ok(Some(done)) => Ok(done),
                Err(error) => Err(error),
            },
            StepKind::Parallel { .. } | StepKind::Foreach(_) | StepKind::While { .. } => {
                match self.begin_body(here, step) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
        };
        match done {
            Ok(done) => self.succeed(here, step, done),
            Err(error) => self.step_failed(here, step, error),
        }
    }

    /// Ends a step well: its output is stored, bounded, and `save_as` puts it into the context.
    pub(super) fn succeed(&mut self, here: &Here, step: &Step, done: Done) {
        self.succeed_as(here, step, done, None);
    }

    /// The same, with the output readable under another name of `steps.<id>` too.
    pub(super) fn succeed_as(&mut self, here: &Here, step: &Step, done: Done, known_as: Option<&str>) {
        let output = bounded_shared(done.output, step.keep_full_output);
        if let Some(path) = &step.save_as {
            self.save(here, path, &output);
        }
        let (path, id) = (here.path.clone(), Name::new(&step.id));
        let known_as = known_as.map(Name::new);
        self.emit(Event::StepSucceeded { path, step: id, output, known_as, to: done.to, at: self.now });
    }

    /// Puts an output into the context.
    pub(super) fn save(&mut self, here: &Here, path: &str, output: &Value) {
        match self.view(here).list_above(path) {
            None => {
                let (scope, path, value) = (here.scope, Name::new(path), output.clone());
                self.emit(Event::ContextSet { scope, path, value });
            }
            Some(list) => {
                let message = format!("the output cannot be saved at `{path}`: `{list}` is a list");
                self.emit(Event::Warned { path: here.path.clone(), message });
            }
        }
    }

    fn condition(
        &mut self,
        here: &Here,
        step: &Step,
        test: &Test,
        on_true: Option<&str>,
        on_false: Option<&str>,
    ) -> Result<Done, StepError> {
        // By hand: `json!` would copy the explanation by serialising it once more.
        let mut output = Map::new();
        let why = self.test(here, test, &mut output)?;
        let result = why.result;
        let to = if result { on_true } else { on_false };
        let to = to.map(Name::new).or_else(|| self.otherwise(step));
        output.insert("explanation".to_owned(), why.into());
        output.insert("result".to_owned(), Value::Bool(result));
        Ok(Done { output: Value::Object(output).into(), to })
    }

    fn switch(&mut self, here: &Here, step: &Step, cases: &[Case], default: Option<&str>) -> Result<Done, StepError> {
        let mut explanations = Vec::with_capacity(cases.len());
        let mut taken = None;
        for (index, case) in cases.iter().enumerate() {
            let why = self.test(here, &case.when, &mut Map::new())?;
            let is_it = why.result;
            explanations.push(Value::from(why));
            if is_it {
                taken = Some(index);
                break;
            }
        }
        let to = taken.map_or(default, |index| Some(cases[index].next.as_str()));
        let to = to.map(Name::new).or_else(|| self.otherwise(step));
        let mut output = Map::new();
        output.insert("case".to_owned(), taken.map_or(Value::Null, Value::from));
        output.insert("explanations".to_owned(), Value::Array(explanations));
        output.insert("next".to_owned(), to.as_deref().map_or(Value::Null, Value::from));
        Ok(Done { output: Value::Object(output).into(), to })
    }

    /// Writes values; all are rendered before the first is written. Returns what was written.
    pub(super) fn set(&mut self, here: &Here, values: &[(String, Template)]) -> Result<Value, StepError> {
        let view = self.view(here);
        let mut written = Vec::with_capacity(values.len());
        let mut left = MAX_OUTPUT;
        for (path, template) in values {
            if let Some(list) = view.list_above(path) {
                let message = format!("`{path}` cannot be set: `{list}` is a list; set the whole list");
                return Err(StepError::other("INVALID_PATH", message));
            }
            let value = template.render(&view)?;
            if !take(&value, &mut left) {
                let message = "the values that are set have more than 1 MiB together";
                return Err(StepError::other("EXPRESSION_LIMIT", message));
            }
            written.push((path, value));
        }
        let mut output = Map::new();
        for (path, value) in written {
            output.insert(path.clone(), value.clone());
            self.emit(Event::ContextSet { scope: here.scope, path: Name::new(path), value });
        }
        Ok(Value::Object(output))
    }

    fn decide(&mut self, here: &Here, decision: &crate::definition::Decision) -> Result<(), StepError> {
        let outcome = match decision.kind {
            DecisionKind::Allow => Outcome::Allowed,
            DecisionKind::Block | DecisionKind::RequireApproval => Outcome::Blocked,
            DecisionKind::Execute => return Ok(()),
        };
        let view = self.view(here);
        let reason = decision.reason.as_ref().map(|reason| reason.render_text(&view)).transpose()?;
        let metadata = decision.metadata.as_ref().map(|metadata| metadata.render(&view)).transpose()?;
        self.emit(Event::Decided(Decision { outcome, reason, metadata, step: here.path.clone() }));
        Ok(())
    }

    /// The error of a `fail` step.
    fn failure(&self, here: &Here, step: &Step, code: &str, message: Option<&Template>) -> StepError {
        match message.map(|template| template.render_text(&self.view(here))) {
            None => StepError::other(code, format!("step `{}` ended the execution", step.id)),
            Some(Ok(message)) => StepError::other(code, message),
            Some(Err(problem)) => problem.into(),
        }
    }

    /// Missing fields and impossible comparisons are told (D-3).
    pub(super) fn warn(&mut self, here: &Here, why: &Explanation) {
        if let Some(message) = &why.warning {
            self.emit(Event::Warned { path: here.path.clone(), message: message.clone() });
        }
        for child in &why.children {
            self.warn(here, child);
        }
    }
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
        StepKind::Set(_) | StepKind::Enrich { .. } => "set",
        StepKind::Workflow { .. } => "workflow",
        StepKind::Fail { .. } => "fail",
        StepKind::End => "end",
    }
}
