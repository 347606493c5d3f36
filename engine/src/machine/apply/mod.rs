//! The fold: how each event changes the state. Total, and the only place that changes it.

mod again;
mod context;
mod record;
mod scopes;

use std::collections::BTreeSet;

use serde_json::Value;

pub(super) use self::context::collect_leaves;
use self::context::{merge_over, write, write_near};
use self::record::{action_finished, action_put_off, action_started, error_value, list_begun};
pub(super) use self::scopes::scope_at;
use self::scopes::{active_at, at_step_again, began, close, count_step, drop_below, finish, open};
use super::event::Event;
use super::finished::{Ending, Finished, Steps};
use super::freeze::thaw;
use super::outcome::Outcome;
use super::resume_on::AwaitedResume;
use super::state::{
    Active, Awaited, Awaiting, Children, KeptSignal, OpenApproval, Phase, PutOff, ROOT, ScheduledResume, ScopeState,
    State, Status, Written,
};
use crate::plan::LOADING_STEP;
use crate::{Name, Shared, Timestamp};

/// Applies one event.
pub fn apply(state: &mut State, event: &Event) {
    if let Some(at) = event.at() {
        state.last_at = state.last_at.max(at);
    }
    match event {
        Event::Accepted => state.status = Status::Queued,
        Event::Started { at, step } => started(state, step, *at),
        Event::Resumed { at } => run(state, *at),
        Event::Suspended { at } => {
            stop_running(state, *at);
            state.status = at_rest(state);
        }
        Event::StepStarted { path, attempt, at, .. } => step_started(state, path, *attempt, *at),
        Event::ActionStarted { path, at, .. } => action_started(state, path, *at),
        Event::ActionPutOff { path, until, has_turn, at, .. } => {
            action_put_off(state, path, PutOff { since: *at, until: *until, has_turn: *has_turn });
        }
        Event::ActionFinished { path, output, error, .. } => action_finished(state, path, output, error.as_ref()),
        Event::StepSucceeded { path, step, output, known_as, to, .. } => {
            let attempts = active_at(state, path).map_or(1, |active| active.attempt);
            let (output, known_as) = (Some(output.clone()), known_as.clone());
            let finished = Finished { ending: Ending::Succeeded, attempts, output, known_as, error: None };
            finish(state, path, step, finished, to.as_ref());
        }
        Event::StepSkipped { path, step, to, .. } => {
            count_step(state, path);
            finish(state, path, step, skipped(None), to.as_ref());
        }
        Event::RetryScheduled { path, attempt, due_at, .. } => {
            drop_below(state, path);
            if let Some(active) = active_at(state, path) {
                active.attempt = attempt.saturating_add(1);
                active.phase = Phase::Backoff { due_at: *due_at };
            }
        }
        Event::StepFailed { path, step, attempt, error, output, known_as, to, .. } => {
            drop_below(state, path);
            let Some(scope) = scope_at(state, path) else { return };
            let shown = error_value(error, Some(step));
            let output = Some(output).filter(|output| !output.is_null()).cloned().map(Shared::from);
            let (known_as, error_shown) = (known_as.clone(), Some(shown.clone()));
            let finished =
                Finished { ending: Ending::Failed, attempts: *attempt, output, known_as, error: error_shown };
            finish(state, path, step, finished, to.as_ref());
            if to.is_none()
                && scope != ROOT
                && let Some(scope) = state.scopes.get_mut(&scope)
            {
                scope.failed = Some(error.clone());
            }
            write_near(state, scope, "error", shown);
        }
        Event::Decided(decision) => state.decision = Some(decision.clone()),
        Event::ContextSet { scope, path, value } => write(state, *scope, path, value),
        // Which version it goes on with is no part of the state.
        Event::Logged { .. } | Event::Warned { .. } | Event::Moved { .. } => {}
        Event::BodyBegan { path, kind, total, isolated, items, at } => {
            let ran_ms = state.ran_until(*at);
            if let Some(active) = active_at(state, path) {
                let now = began(&active.phase);
                let items = items.iter().cloned().collect();
                active.phase = Phase::Children(Box::new(Children::new(*kind, now, ran_ms, *total, *isolated, items)));
            }
        }
        Event::ScopeOpened { scope, path, index, entry, locals, .. } => {
            open(state, *scope, path, *index, entry, locals);
        }
        Event::ScopeClosed { scope, passed, outcome, error, .. } => {
            close(state, *scope, *passed, outcome, error.as_ref());
        }
        Event::BodyStopped { path } => {
            if let Some(Phase::Children(children)) = active_at(state, path).map(|active| &mut active.phase) {
                children.stopped = true;
                children.items.clear();
            }
        }
        Event::WaitBegan { path, what, due_at, .. } => {
            if let Some(active) = active_at(state, path) {
                let now = began(&active.phase);
                active.phase = Phase::Waiting(Box::new(Awaiting { now, due_at: *due_at, what: what.clone() }));
            }
        }
        Event::EventTaken { path, event_id, payload, .. } => {
            state.events_taken.insert(event_id.clone());
            state.kept.retain(|kept| kept.id != *event_id);
            let scope = scope_at(state, path).unwrap_or(ROOT);
            merge_over(state, scope, payload);
        }
        Event::ApprovalOpened { .. }
        | Event::ApprovalVoted { .. }
        | Event::ApprovalReminded { .. }
        | Event::ApprovalEscalated { .. }
        | Event::ApprovalDecided { .. } => approval(state, event),
        Event::SlotAwaited { .. } => state.awaits_slot = true,
        Event::SlotTaken { .. } => state.awaits_slot = false,
        Event::TurnTaken { begins_at, .. } => state.begins_at = Some(*begins_at),
        Event::StepLeftOut { .. }
        | Event::ContextEdited { .. }
        | Event::SignalKept { .. }
        | Event::Paused { .. }
        | Event::Unpaused { .. }
        | Event::ResumeScheduled { .. }
        | Event::ResumeUnmet { .. }
        | Event::PausedLong { .. }
        | Event::Retried { .. }
        | Event::TakenOver { .. } => by_hand(state, event),
        Event::Cancelled { at, .. } => end(state, Status::Cancelled, None, *at),
        Event::Completed { result, at } => end(state, Status::Completed, Some(*result), *at),
        Event::Failed { error, step, at } => {
            state.error = Some(error.clone());
            state.failed_step.clone_from(step);
            again::keep_place(state);
            end(state, Status::Failed, Some(Outcome::Failed), *at);
        }
    }
}

fn started(state: &mut State, step: &Name, at: Timestamp) {
    let loads = step == LOADING_STEP;
    if loads && state.loaded.is_some() {
        // Another version reads more: what loads is no step of `steps`, so its passages are counted here.
        state.passages.entry(step.clone()).or_insert(1);
    }
    // One that is retried comes to the step again.
    let active = at_step_again(&mut state.passages, &state.steps, "", step);
    state.scopes.insert(ROOT, ScopeState { active: Some(active), ..ScopeState::default() });
    state.begins_at = None;
    if !loads {
        // Otherwise the flow goes there when everything is loaded.
        state.entry = None;
    }
    run(state, at);
}

fn step_started(state: &mut State, path: &str, attempt: u32, at: Timestamp) {
    count_step(state, path);
    if let Some(active) = active_at(state, path) {
        active.attempt = attempt;
        active.since.get_or_insert(at);
        active.phase = list_begun(at);
    }
}

const fn skipped(output: Option<Shared>) -> Finished {
    Finished { ending: Ending::Skipped, attempts: 0, output, known_as: None, error: None }
}

/// What people did to the execution.
fn by_hand(state: &mut State, event: &Event) {
    match event {
        Event::StepLeftOut { path, step, output, to, .. } => {
            drop_below(state, path);
            state.approvals.retain(|_, approval| approval.path != *path);
            let output = Some(output).filter(|output| !output.is_null()).cloned();
            finish(state, path, step, skipped(output), to.as_ref());
        }
        Event::ContextEdited { values, .. } => {
            for (path, value) in values {
                write(state, ROOT, path, value);
            }
        }
        Event::Paused { freezes, at, .. } => {
            state.paused_at = Some(*at);
            state.freezes = *freezes;
            if state.running_since.is_none() {
                state.status = Status::Paused;
            }
        }
        Event::Unpaused { data, at_step, event, frozen, at, .. } => {
            if let Some(frozen) = frozen {
                thaw(state, frozen, *at);
            }
            state.resumed_by.extend(event.iter().map(|event| event.id.clone()));
            unpaused(state, data, at_step.as_deref());
        }
        Event::SignalKept { id, name, data, .. } => {
            state.kept.push(KeptSignal { id: id.clone(), name: name.clone(), data: data.clone() });
        }
        Event::ResumeScheduled { .. } => resume_scheduled(state, event),
        Event::ResumeUnmet { event, .. } => {
            if let Some(awaited) = &mut state.resumes_on {
                awaited.unmet.insert(event.id.clone());
            }
        }
        Event::PausedLong { .. } => state.paused_long = true,
        Event::Retried { step, .. } => again::retried(state, step.as_deref()),
        Event::TakenOver { step, steps, values, replaced, loaded, data, .. } => {
            state.entry = Some(step.clone());
            state.steps = Steps::of(steps);
            state.loaded.clone_from(loaded);
            state.written = Written { values: values.clone(), replaced: replaced.clone() };
            merge_over(state, ROOT, data);
        }
        _by_itself => {}
    }
}

/// It is to go on by itself, or no more; what was said of that before counts no more.
fn resume_scheduled(state: &mut State, event: &Event) {
    let Event::ResumeScheduled { by, due_at, when, data, at_step, event: came, at } = event else { return };
    let (by, data, at_step) = (by.clone(), data.clone(), at_step.clone());
    state.resumed_by.extend(came.iter().map(|event| event.id.clone()));
    state.resumes_on = when.as_deref().map(|on| {
        let since = on.since.unwrap_or(*at);
        let (by, on, data, at_step) = (by.clone(), on.clone(), data.clone(), at_step.clone());
        Box::new(AwaitedResume { by, on, since, data, at_step, unmet: BTreeSet::new() })
    });
    state.resumes_named = state.resumes_named.saturating_add(u32::from(when.is_some()));
    let scheduled = |due_at| Box::new(ScheduledResume { by, due_at, data, at_step, event: came.clone() });
    state.resumes = due_at.map(scheduled);
}

/// An approval is opened, changed or decided.
fn approval(state: &mut State, event: &Event) {
    match event {
        Event::ApprovalOpened { path, approval, request, remind_at, escalate_at, at } => {
            let opened = OpenApproval {
                path: path.clone(),
                request: (**request).clone(),
                asked_at: Some(*at),
                votes: Vec::new(),
                remind_at: *remind_at,
                escalate_at: *escalate_at,
            };
            state.approvals.insert(approval.clone(), opened);
            state.last_approval = Some(approval.clone());
        }
        Event::ApprovalVoted { approval, by, .. } => {
            if let Some(open) = state.approvals.get_mut(approval) {
                open.votes.push(by.clone());
            }
        }
        Event::ApprovalReminded { approval, next_at, .. } => {
            if let Some(open) = state.approvals.get_mut(approval) {
                open.remind_at = Some(*next_at);
            }
        }
        Event::ApprovalEscalated { approval, role, .. } => {
            if let Some(open) = state.approvals.get_mut(approval) {
                open.escalate_at = None;
                open.request.escalated_role = Some(role.clone());
            }
        }
        Event::ApprovalDecided { approval, verdict, .. } => {
            state.approvals.remove(approval);
            state.decided.insert(approval.clone(), verdict.clone());
        }
        _no_approval => {}
    }
}

fn end(state: &mut State, status: Status, result: Option<Outcome>, at: Timestamp) {
    stop_running(state, at);
    state.status = status;
    state.result = result;
    state.scopes.clear();
    state.approvals.clear();
    state.decided.clear();
    // What failed may be retried: it goes on counting, and takes no event twice.
    if status != Status::Failed {
        state.passages.clear();
        state.events_taken.clear();
        state.resumed_by.clear();
        state.kept.clear();
    }
    // It may be retried: what stood still until now has stood still.
    if let Some(since) = state.paused_at.filter(|_| state.freezes) {
        state.frozen_ms = state.frozen_ms.saturating_add(at.0.saturating_sub(since.0).max(0));
    }
    no_pause(state);
}

/// What an execution is called in which nothing runs.
fn at_rest(state: &State) -> Status {
    if state.paused_at.is_some() {
        return Status::Paused;
    }
    let holds = |scope: &ScopeState| {
        let phase = scope.active.as_ref().map(|active| &active.phase);
        matches!(phase, Some(Phase::Waiting(wait)) if matches!(wait.what, Awaited::Approval { holds: true, .. }))
    };
    if state.scopes.values().any(holds) { Status::Blocked } else { Status::Waiting }
}

/// No pause, and nothing that belongs to one.
fn no_pause(state: &mut State) {
    state.paused_at = None;
    state.freezes = false;
    state.resumes = None;
    state.resumes_on = None;
    state.paused_long = false;
}

fn unpaused(state: &mut State, data: &Value, at_step: Option<&str>) {
    no_pause(state);
    // Many may be resumed at once: each takes a turn anew.
    state.begins_at = None;
    if state.running_since.is_none() {
        state.status = if state.scopes.is_empty() { Status::Queued } else { at_rest(state) };
    }
    merge_over(state, ROOT, data);
    if let Some(step) = at_step {
        state.scopes.retain(|scope, _| *scope == ROOT);
        let is_loading = state.scopes.get(&ROOT).and_then(|root| root.active.as_ref()).is_some_and(loads);
        if is_loading {
            // It has not come to any step: it goes there when everything is loaded.
            state.entry = Some(step.to_owned());
        } else if let Some(root) = state.scopes.get_mut(&ROOT) {
            // The step that is left without a result may be come to again: as another passage.
            if let Some(left) = &root.active {
                state.passages.entry(left.path.clone()).or_insert(left.passage);
            }
            root.active = Some(at_step_again(&mut state.passages, &state.steps, "", &Name::new(step)));
        } else {
            // It has not begun.
            state.entry = Some(step.to_owned());
        }
    }
}

fn loads(active: &Active) -> bool {
    active.step == LOADING_STEP
}

fn run(state: &mut State, at: Timestamp) {
    state.status = Status::Running;
    state.running_since = Some(at);
}

fn stop_running(state: &mut State, at: Timestamp) {
    if let Some(since) = state.running_since.take() {
        state.ran_ms = state.ran_ms.saturating_add(at.0.saturating_sub(since.0).max(0));
    }
}
