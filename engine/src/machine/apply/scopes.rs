//! The scopes: where each stands, what it opened, what it leaves behind.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use smol_str::format_smolstr;

use super::context::{lay_over, write_near};
use crate::machine::effect::{StepError, StepPath};
use crate::machine::finished::{Ending, Finished, Steps};
use crate::machine::render::size;
use crate::machine::state::{Active, BodyKind, Left, Phase, ROOT, ScopeId, ScopeState, State};
use crate::plan::LOADING_STEP;
use crate::{Name, Shared, Timestamp};

pub(super) fn open(state: &mut State, id: ScopeId, path: &str, index: u32, entry: &Name, locals: &Map<String, Value>) {
    let Some(parent) = scope_at(state, path) else { return };
    let Some(active) = state.scopes.get_mut(&parent).and_then(|scope| scope.active.as_mut()) else { return };
    let Phase::Children(children) = &mut active.phase else { return };
    children.opened = children.opened.saturating_add(1);
    children.items.pop_front();
    let again = if active.passage > 1 { format_smolstr!("#{}", active.passage) } else { Name::default() };
    let prefix = match children.kind {
        BodyKind::Branches => format_smolstr!("{path}{again}."),
        BodyKind::Items | BodyKind::Rounds => format_smolstr!("{path}{again}[{index}]."),
    };
    let active = Some(at_step(&prefix, entry, 1));
    let scope =
        ScopeState { parent: Some(parent), index, prefix, locals: locals.clone(), active, ..ScopeState::default() };
    state.scopes.insert(id, scope);
    state.scopes_opened = state.scopes_opened.max(id);
}

pub(super) fn close(state: &mut State, id: ScopeId, passed: bool, outcome: &Shared, error: Option<&StepError>) {
    let Some(mut scope) = state.scopes.remove(&id) else { return };
    let Some(parent) = scope.parent else { return };
    if !state.passages.is_empty() {
        state.passages.retain(|path, _| !path.starts_with(scope.prefix.as_str()));
    }
    let Some(holder) = state.scopes.get_mut(&parent) else { return };
    let Some(Phase::Children(children)) = holder.active.as_mut().map(|active| &mut active.phase) else { return };
    children.closed = children.closed.saturating_add(1);
    if !passed {
        children.failed = children.failed.saturating_add(1);
    }
    if children.error.is_none() {
        children.error = error.cloned();
    }
    if children.kind != BodyKind::Rounds {
        children.bytes = children.bytes.saturating_add(size(outcome));
        children.outcomes.insert(scope.index, outcome.clone());
    }
    // What happened in a branch, or in the last round, can be read behind it; an item's steps are its own.
    let steps = if children.kind == BodyKind::Items { Steps::default() } else { scope.steps };
    let left = Left { written: scope.written, steps, data: scope.locals.remove("data") };
    if children.isolated {
        lay_over(&mut children.left.written, left.written);
        children.left.steps.extend(left.steps);
        children.left.data = left.data.or(children.left.data.take());
    } else {
        absorb(state, parent, left);
    }
}

/// What a scope below has left becomes part of `scope`.
pub(super) fn absorb(state: &mut State, id: ScopeId, left: Left) {
    if let Some(data) = left.data {
        write_near(state, id, "data", data);
    }
    let Some(scope) = state.scopes.get_mut(&id) else { return };
    let (written, steps) =
        if id == ROOT { (&mut state.written, &mut state.steps) } else { (&mut scope.written, &mut scope.steps) };
    lay_over(written, left.written);
    steps.extend(left.steps);
}

pub(super) fn at_step(prefix: &str, step: &Name, passage: u32) -> Active {
    let path = if prefix.is_empty() { step.clone() } else { format_smolstr!("{prefix}{step}") };
    let (step, told) = (step.clone(), BTreeMap::new());
    Active { step, path, passage, attempt: 1, since: None, told, phase: Phase::Ready }
}

/// The scope that stands at the step execution `path`.
pub(in crate::machine) fn scope_at(state: &State, path: &str) -> Option<ScopeId> {
    let stands_there = |scope: &ScopeState| scope.active.as_ref().is_some_and(|active| active.path == path);
    state.scopes.iter().find(|(_, scope)| stands_there(scope)).map(|(id, _)| *id)
}

pub(super) fn active_at<'a>(state: &'a mut State, path: &str) -> Option<&'a mut Active> {
    let scope = scope_at(state, path)?;
    state.scopes.get_mut(&scope)?.active.as_mut()
}

/// Records a finished step and moves its scope on.
pub(super) fn finish(state: &mut State, path: &str, step: &Name, finished: Finished, to: Option<&Name>) {
    let Some(id) = scope_at(state, path) else { return };
    let active = state.scopes.get_mut(&id).and_then(|scope| scope.active.as_mut());
    if let Some(Phase::Children(children)) = active.map(|active| &mut active.phase) {
        let left = std::mem::take(&mut children.left);
        absorb(state, id, left);
    }
    let Some(scope) = state.scopes.get_mut(&id) else { return };
    let steps = if id == ROOT { &mut state.steps } else { &mut scope.steps };
    if step != LOADING_STEP {
        steps.insert(step.clone(), finished);
    } else if finished.ending != Ending::Failed {
        state.loaded = Some(finished.value());
        state.entry = None;
    }
    if id != ROOT {
        // Only a nested scope's outcome is read from its last step.
        scope.last = Some(step.clone());
    }
    scope.active = to.map(|to| at_step_again(&mut state.passages, steps, &scope.prefix, to));
}

/// A step that a flow comes to, perhaps not for the first time.
pub(super) fn at_step_again(
    passages: &mut BTreeMap<StepPath, u32>,
    finished: &Steps,
    prefix: &str,
    step: &Name,
) -> Active {
    let mut active = at_step(prefix, step, 1);
    if finished.contains(step) || passages.contains_key(&active.path) {
        let count = passages.entry(active.path.clone()).or_insert(1);
        *count = count.saturating_add(1);
        active.passage = *count;
    }
    active
}

/// The scopes that a step opened go with it: when its attempt fails by a time-out, they are under way.
pub(super) fn drop_below(state: &mut State, path: &str) {
    // Nothing can be below when there is only the flow itself.
    if state.scopes.len() > 1
        && let Some(scope) = scope_at(state, path)
    {
        for below in state.below(scope) {
            state.scopes.remove(&below);
        }
    }
}

pub(super) fn count_step(state: &mut State, path: &str) {
    if let Some(scope) = scope_at(state, path).and_then(|scope| state.scopes.get_mut(&scope)) {
        scope.taken = scope.taken.saturating_add(1);
    }
}

/// The moment that `now` stands for in an attempt.
pub(super) const fn began(phase: &Phase) -> Timestamp {
    match phase {
        Phase::Actions { now, .. } => *now,
        Phase::Children(children) => children.now,
        Phase::Waiting(wait) => wait.now,
        Phase::Ready | Phase::Backoff { .. } => Timestamp(0),
    }
}
