//! Steps that hold other steps: branches, items and rounds, each in a scope of its own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::effect::{ErrorClass, StepError};
use super::event::Event;
use super::outstanding::body_limits;
use super::render::{MAX_STORED, bounded_list, size};
use super::run::{Here, Run};
use super::state::{Active, BodyKind, Children, Phase, ScopeId, ScopeState};
use super::steps::Done;
use crate::definition::{Foreach, ParallelStrategy, Step, StepKind};
use crate::{Name, Shared};

/// Branches, items and rounds that are under way at once in an execution, beyond which each step opens
/// them one after the other: bodies nested in bodies multiply.
const MAX_OPEN_SCOPES: usize = 1_000;

/// Stands for an outcome beyond what one step keeps: the same for a hundred thousand items.
static TRUNCATED: LazyLock<Shared> = LazyLock::new(|| json!({ "$truncated": true }).into());

impl Run<'_> {
    /// Begins an attempt of a step that holds others.
    pub(super) fn begin_body(&mut self, here: &Here, step: &Step) -> Result<(), StepError> {
        let (kind, total, items) = match &step.kind {
            StepKind::Parallel { branches, .. } => (BodyKind::Branches, branches.len(), Vec::new()),
            StepKind::Foreach(foreach) => {
                let items = self.items(here, foreach)?;
                (BodyKind::Items, items.len(), items)
            }
            StepKind::While { max_iterations, .. } => {
                (BodyKind::Rounds, usize::try_from(*max_iterations).unwrap_or(usize::MAX), Vec::new())
            }
            _holds_none => return Ok(()),
        };
        let total = u32::try_from(total)
            .map_err(|_too_many| StepError::other("INVALID_ITEMS", "there are more items than can be counted"))?;
        let isolated = match &step.kind {
            StepKind::Parallel { .. } => true,
            StepKind::Foreach(foreach) => foreach.max_concurrency > 1,
            _one_after_the_other => false,
        };
        self.emit(Event::BodyBegan { path: here.path.clone(), kind, total, isolated, items, at: self.now });
        Ok(())
    }

    /// The items of a `foreach`: as they are, or in lists of `batch_size`.
    fn items(&self, here: &Here, foreach: &Foreach) -> Result<Vec<Value>, StepError> {
        match foreach.items.render(&self.view(here))? {
            Value::Array(items) => Ok(match foreach.batch_size.and_then(|size| usize::try_from(size).ok()) {
                Some(size) => items.chunks(size.max(1)).map(|batch| Value::Array(batch.to_vec())).collect(),
                None => items,
            }),
            other => {
                let found = match other {
                    Value::Null => "nothing",
                    Value::Bool(_) => "a boolean",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a text",
                    Value::Array(_) | Value::Object(_) => "an object",
                };
                Err(StepError::other("INVALID_ITEMS", format!("`items` must be a list, and it is {found}")))
            }
        }
    }

    /// Whether something can be opened, or everything has ended.
    pub(super) fn has_room(&self, active: &Active, children: &Children) -> bool {
        let under_way = children.opened.saturating_sub(children.closed);
        let has_more = !children.stopped && children.opened < children.total;
        if !has_more {
            return under_way == 0;
        }
        // One at least goes on wherever it stands, so that what is nested comes to its end.
        let has_place = under_way == 0 || self.state.scopes.len() <= MAX_OPEN_SCOPES;
        has_place && under_way < self.width(active, children) && !self.state.is_pausing()
    }

    /// How many may be under way at once.
    fn width(&self, active: &Active, children: &Children) -> u32 {
        match self.plan.find(&active.step).map(|step| &step.kind) {
            Some(StepKind::Parallel { max_concurrency, .. }) => max_concurrency.unwrap_or(children.total),
            Some(StepKind::Foreach(foreach)) => foreach.max_concurrency,
            _one_after_the_other => 1,
        }
    }

    /// Opens what comes next, or ends the step.
    pub(super) fn go_on_with_body(&mut self, here: &Here, step: &Step) {
        let Some(children) = self.children(here.scope) else { return };
        let index = children.opened;
        let has_more = !children.stopped && index < children.total;
        let item = children.items.front().cloned();
        let total = children.total;
        match &step.kind {
            StepKind::While { .. } if children.error.is_none() && !children.stopped => self.next_round(here, step),
            StepKind::Parallel { branches, .. } if has_more => {
                let entry =
                    usize::try_from(index).ok().and_then(|index| branches.get(index)).and_then(|list| list.first());
                if let Some(entry) = entry {
                    self.open_scope(here, index, &entry.id, Map::new());
                }
            }
            StepKind::Foreach(foreach) if has_more => {
                let mut locals = Map::new();
                locals.insert("_count".to_owned(), Value::from(total));
                locals.insert(foreach.index_var.clone(), Value::from(index));
                locals.insert(foreach.item_var.clone(), item.unwrap_or(Value::Null));
                if let Some(entry) = foreach.steps.first() {
                    self.open_scope(here, index, &entry.id, locals);
                }
            }
            _all_have_ended => self.end_body(here, step),
        }
    }

    fn children(&self, scope: ScopeId) -> Option<&Children> {
        match &self.state.scopes.get(&scope)?.active.as_ref()?.phase {
            Phase::Children(children) => Some(children),
            _in_no_body => None,
        }
    }

    fn open_scope(&mut self, here: &Here, index: u32, entry: &str, locals: Map<String, Value>) {
        let scope = self.state.scopes_opened.saturating_add(1);
        let (path, entry) = (here.path.clone(), Name::new(entry));
        self.emit(Event::ScopeOpened { scope, path, index, entry, locals, at: self.now });
    }

    /// Looks at the condition of a `while`, and begins the next round if it is true.
    fn next_round(&mut self, here: &Here, step: &Step) {
        let StepKind::While { condition, steps, max_iterations } = &step.kind else { return };
        // `now` is the moment of the round: a loop may wait for a time.
        let here_now = Here { began: self.now, path: here.path.clone(), ..*here };
        match condition.evaluate(&self.view(&here_now)) {
            Err(problem) => self.step_failed(here, step, problem.into()),
            Ok(why) => {
                self.warn(here, &why);
                let index = self.children(here.scope).map_or(0, |children| children.opened);
                if !why.result {
                    self.emit(Event::BodyStopped { path: here.path.clone() });
                } else if index >= *max_iterations {
                    let message = format!("the condition is still true after {max_iterations} rounds");
                    self.step_failed(here, step, StepError::other("LOOP_LIMIT", message));
                } else if let Some(entry) = steps.first() {
                    let locals = Map::from_iter([("_index".to_owned(), Value::from(index))]);
                    self.open_scope(here, index, &entry.id, locals);
                }
            }
        }
    }

    /// A scope has come to its end: what it came to goes to the step that opened it.
    pub(super) fn close_scope(&mut self, id: ScopeId) {
        let Some(scope) = self.state.scopes.get(&id) else { return };
        let Some(parent) = scope.parent.and_then(|parent| self.state.scopes.get(&parent)) else { return };
        let Some(active) = &parent.active else { return };
        let Phase::Children(children) = &active.phase else { return };
        let plan = self.plan;
        let Some(step) = plan.find(&active.step) else { return };
        let error = scope.failed.clone();
        let (passed, mut outcome) = match &step.kind {
            StepKind::Parallel { branches, .. } => {
                let (passed, outcome) = branch_outcome(branches, scope, error.as_ref());
                (passed, outcome.into())
            }
            StepKind::Foreach(_) => (error.is_none(), item_outcome(scope, error.as_ref())),
            _rounds => (error.is_none(), Shared::default()),
        };
        let is_over = !step.keep_full_output && children.bytes.saturating_add(size(&outcome)) > MAX_STORED;
        if is_over {
            outcome = TRUNCATED.clone();
        }
        let stops = error.is_some()
            && match &step.kind {
                StepKind::Foreach(foreach) => !foreach.continue_on_item_error,
                StepKind::While { .. } => true,
                _goes_on => false,
            };
        let path = active.path.clone();
        let at = self.now;
        self.emit(Event::ScopeClosed { scope: id, path: path.clone(), passed, outcome, error, at });
        if stops {
            self.emit(Event::BodyStopped { path });
        }
    }

    /// All have ended: the step succeeds or fails by what came of them.
    fn end_body(&mut self, here: &Here, step: &Step) {
        let Some(children) = self.children(here.scope) else { return };
        let (failed, total, closed) = (children.failed, children.total, children.closed);
        let error = children.error.clone();
        let (output, known_as) = output_of(step, children);
        match &step.kind {
            StepKind::Parallel { strategy, .. } => {
                let passes = match strategy {
                    ParallelStrategy::AllMustPass => failed == 0,
                    ParallelStrategy::AnyCanPass => failed < total,
                    ParallelStrategy::BestEffort => true,
                };
                if !passes {
                    let error = parallel_error(&output, failed, total, error.as_ref());
                    return self.step_failed(here, step, error);
                }
            }
            StepKind::Foreach(foreach) => {
                if let Some(error) = error.filter(|_| !foreach.continue_on_item_error) {
                    return self.step_failed(here, step, error);
                }
            }
            _rounds => {
                if let Some(error) = error {
                    return self.step_failed(here, step, error);
                }
                let output = json!({ "iterations": closed }).into();
                return self.succeed(here, step, Done { output, to: self.after(step) });
            }
        }
        self.succeed_as(here, step, Done { output: output.into(), to: self.after(step) }, known_as);
    }

    /// What is readable of a step's branches or items although it failed.
    pub(super) fn partial_output(&self, here: &Here, step: &Step) -> (Value, Option<Name>) {
        match self.children(here.scope) {
            Some(children) if children.kind != BodyKind::Rounds => {
                let (output, known_as) = output_of(step, children);
                (output, known_as.map(Name::new_static))
            }
            _none => (Value::Null, None),
        }
    }

    /// Fails the steps whose branches, items or rounds took too long together.
    pub(super) fn expire_bodies(&mut self) {
        loop {
            let late = body_limits(self.plan, self.state).find(|(_, due)| *due <= self.now).map(|(scope, _)| scope);
            let Some(active) = late.and_then(|scope| self.state.scopes.get(&scope)?.active.as_ref()) else { return };
            let here = Here::of(late.unwrap_or_default(), active, self.now);
            let plan = self.plan;
            let Some(step) = plan.find(&active.step) else { return };
            let message = format!("the attempt took longer than {:?}", step.timeout.unwrap_or_default());
            let error = StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("STEP_TIMEOUT", message) };
            self.step_failed(&here, step, error);
            if self.state.has_ended() {
                return;
            }
        }
    }
}

/// The outcomes as the step's output, and the name of `steps.<id>` under which they stand too.
fn output_of(step: &Step, children: &Children) -> (Value, Option<&'static str>) {
    match &step.kind {
        StepKind::Parallel { branches, .. } => {
            let named = branches.iter().enumerate().filter_map(|(index, steps)| {
                let outcome = children.outcomes.get(&u32::try_from(index).ok()?)?;
                Some((steps.first()?.id.clone(), (**outcome).clone()))
            });
            (Value::Object(named.collect()), Some("branches"))
        }
        _items => {
            let outcomes = children.outcomes.values().map(|outcome| &**outcome);
            (bounded_list(outcomes.collect(), step.keep_full_output), Some("items"))
        }
    }
}

/// Whether a branch passed, and what is said of it. A branch that is one condition without targets
/// passes when it is true (D-2).
fn branch_outcome(branches: &[Vec<Step>], scope: &ScopeState, error: Option<&StepError>) -> (bool, Value) {
    let steps = usize::try_from(scope.index).ok().and_then(|index| branches.get(index)).map_or(&[][..], Vec::as_slice);
    let output = last_output(scope);
    let is_check =
        matches!(steps, [Step { next: None, kind: StepKind::Condition { on_true: None, on_false: None, .. }, .. }]);
    let passed = error.is_none() && (!is_check || output["result"] == true);
    let mut outcome = Map::new();
    outcome.insert("passed".to_owned(), Value::Bool(passed));
    let status = if error.is_none() { "succeeded" } else { "failed" };
    outcome.insert("status".to_owned(), Value::from(status));
    match error {
        None => outcome.insert("output".to_owned(), output.into_value()),
        Some(error) => outcome.insert("error".to_owned(), short(error)),
    };
    (passed, Value::Object(outcome))
}

fn item_outcome(scope: &ScopeState, error: Option<&StepError>) -> Shared {
    match error {
        None => last_output(scope),
        Some(error) => json!({ "error": short(error) }).into(),
    }
}

/// The output of the step that finished last.
fn last_output(scope: &ScopeState) -> Shared {
    let last = scope.last.as_ref().and_then(|last| scope.steps.get(last));
    last.and_then(|step| step.output.clone()).unwrap_or_default()
}

fn short(error: &StepError) -> Value {
    json!({ "code": error.code, "message": error.message })
}

fn parallel_error(outcomes: &Value, failed: u32, total: u32, first: Option<&StepError>) -> StepError {
    let branches: BTreeMap<&String, &Value> = outcomes.as_object().into_iter().flatten().collect();
    let names: Vec<String> = branches
        .iter()
        .filter(|(_, outcome)| outcome["passed"] == false)
        .take(10)
        .map(|(name, outcome)| match outcome["error"]["message"].as_str() {
            Some(message) => format!("`{name}` ({message})"),
            None => format!("`{name}`"),
        })
        .collect();
    let message = format!("{failed} of {total} branches did not pass: {}", names.join(", "));
    // Whether it is worth another attempt is what the first error says.
    let retryable_class = first.map_or(ErrorClass::Other, |error| error.retryable_class);
    StepError { retryable_class, ..StepError::other("PARALLEL_FAILED", message) }
}
