//! The fold: how each event changes the state. Total, and the only place that changes it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::effect::{StepError, StepPath};
use super::event::Event;
use super::outcome::Outcome;
use super::render::size;
use super::state::{
    Active, Awaited, Awaiting, BodyKind, Children, Left, OpenApproval, Phase, ROOT, ScopeId, ScopeState, State, Status,
    Written,
};
use crate::Timestamp;

/// Applies one event.
pub fn apply(state: &mut State, event: &Event) {
    if let Some(at) = event.at() {
        state.last_at = state.last_at.max(at);
    }
    match event {
        Event::Accepted => state.status = Status::Queued,
        Event::Started { at, step } => {
            let root = ScopeState { active: Some(at_step("", step, 1)), ..ScopeState::default() };
            state.scopes.insert(ROOT, root);
            run(state, *at);
        }
        Event::Resumed { at } => run(state, *at),
        Event::Suspended { at } => {
            stop_running(state, *at);
            state.status = at_rest(state);
        }
        Event::StepStarted { path, attempt, at, .. } => {
            count_step(state, path);
            if let Some(active) = active_at(state, path) {
                active.attempt = *attempt;
                active.phase = Phase::Actions { next: 0, outputs: Vec::new(), in_flight: false, now: *at };
            }
        }
        Event::ActionStarted { path, .. } => {
            if let Some(Phase::Actions { in_flight, .. }) = active_at(state, path).map(|active| &mut active.phase) {
                *in_flight = true;
            }
        }
        Event::ActionFinished { path, output, error, .. } => action_finished(state, path, output, error.as_ref()),
        Event::StepSucceeded { path, step, output, known_as, to, .. } => {
            let attempts = active_at(state, path).map_or(1, |active| active.attempt);
            let record = record("succeeded", attempts, Some(output), known_as.as_deref(), None);
            finish(state, path, step, record, to.as_deref());
        }
        Event::StepSkipped { path, step, to, .. } => {
            count_step(state, path);
            finish(state, path, step, record("skipped", 0, None, None, None), to.as_deref());
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
            let output = Some(output).filter(|output| !output.is_null());
            let record = record("failed", *attempt, output, known_as.as_deref(), Some(shown.clone()));
            finish(state, path, step, record, to.as_deref());
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
        Event::Logged { .. } | Event::Warned { .. } => {}
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
            let scope = scope_at(state, path).unwrap_or(ROOT);
            merge_over(state, scope, payload);
        }
        Event::ApprovalOpened { path, approval, request, remind_at, escalate_at, .. } => {
            let opened = OpenApproval {
                path: path.clone(),
                request: (**request).clone(),
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
        Event::Paused { at, .. } => {
            state.paused_at = Some(*at);
            if state.running_since.is_none() {
                state.status = Status::Paused;
            }
        }
        Event::Unpaused { data, at_step, .. } => unpaused(state, data, at_step.as_deref()),
        Event::Cancelled { at, .. } => end(state, Status::Cancelled, None, *at),
        Event::Completed { result, at } => end(state, Status::Completed, Some(*result), *at),
        Event::Failed { error, step, at } => {
            state.error = Some(error.clone());
            state.failed_step.clone_from(step);
            end(state, Status::Failed, Some(Outcome::Failed), *at);
        }
    }
}

fn end(state: &mut State, status: Status, result: Option<Outcome>, at: Timestamp) {
    stop_running(state, at);
    state.status = status;
    state.result = result;
    state.scopes.clear();
    state.approvals.clear();
    state.decided.clear();
    state.passages.clear();
    state.events_taken.clear();
    state.paused_at = None;
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

fn unpaused(state: &mut State, data: &Value, at_step: Option<&str>) {
    state.paused_at = None;
    if state.running_since.is_none() {
        state.status = if state.scopes.is_empty() { Status::Queued } else { at_rest(state) };
    }
    merge_over(state, ROOT, data);
    if let Some(step) = at_step {
        state.scopes.retain(|scope, _| *scope == ROOT);
        if let Some(root) = state.scopes.get_mut(&ROOT) {
            root.active = Some(at_step_again(&mut state.passages, &state.steps, "", step));
        }
    }
}

fn open(state: &mut State, id: ScopeId, path: &str, index: u32, entry: &str, locals: &Map<String, Value>) {
    let Some(parent) = scope_at(state, path) else { return };
    let Some(active) = state.scopes.get_mut(&parent).and_then(|scope| scope.active.as_mut()) else { return };
    let Phase::Children(children) = &mut active.phase else { return };
    children.opened = children.opened.saturating_add(1);
    children.items.pop_front();
    let again = if active.passage > 1 { format!("#{}", active.passage) } else { String::new() };
    let prefix = match children.kind {
        BodyKind::Branches => format!("{path}{again}."),
        BodyKind::Items | BodyKind::Rounds => format!("{path}{again}[{index}]."),
    };
    let active = Some(at_step(&prefix, entry, 1));
    let scope =
        ScopeState { parent: Some(parent), index, prefix, locals: locals.clone(), active, ..ScopeState::default() };
    state.scopes.insert(id, scope);
    state.scopes_opened = state.scopes_opened.max(id);
}

fn close(state: &mut State, id: ScopeId, passed: bool, outcome: &Value, error: Option<&StepError>) {
    let Some(mut scope) = state.scopes.remove(&id) else { return };
    let Some(parent) = scope.parent else { return };
    if !state.passages.is_empty() {
        state.passages.retain(|path, _| !path.starts_with(&scope.prefix));
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
    let steps = match scope.steps {
        Value::Object(steps) if children.kind != BodyKind::Items => steps,
        _its_own => Map::new(),
    };
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
fn absorb(state: &mut State, id: ScopeId, left: Left) {
    if let Some(data) = left.data {
        write_near(state, id, "data", data);
    }
    let Some(scope) = state.scopes.get_mut(&id) else { return };
    let (written, steps) =
        if id == ROOT { (&mut state.written, &mut state.steps) } else { (&mut scope.written, &mut scope.steps) };
    lay_over(written, left.written);
    if !left.steps.is_empty() {
        object(steps).extend(left.steps);
    }
}

/// Puts what was written above over what was written below.
fn lay_over(below: &mut Written, above: Written) {
    if below.is_empty() {
        *below = above;
        return;
    }
    for path in &above.replaced {
        if let Some(value) = value_at(&above.values, path) {
            put(below, path, value.clone());
        }
    }
}

fn value_at<'v>(values: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let mut parts = path.split('.');
    let mut value = values.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

fn action_finished(state: &mut State, path: &str, output: &Value, error: Option<&StepError>) {
    if let Some(Phase::Actions { next, outputs, in_flight, .. }) =
        active_at(state, path).map(|active| &mut active.phase)
    {
        *in_flight = false;
        *next = next.saturating_add(1);
        outputs.push(match error {
            None => output.clone(),
            Some(error) => json!({ "error": error_value(error, None) }),
        });
    }
    if error.is_none()
        && let Some(body) = http_body(output)
        && let Some(scope) = scope_at(state, path)
    {
        write_near(state, scope, "data", body.clone());
    }
}

/// A finished step as `steps.<id>` shows it. Built by hand, since `json!` would copy a value by
/// serialising it.
fn record(status: &str, attempts: u32, output: Option<&Value>, known_as: Option<&str>, error: Option<Value>) -> Value {
    let mut record = Map::new();
    record.insert("attempts".to_owned(), Value::from(attempts));
    if let Some(output) = output {
        if let Some(name) = known_as {
            record.insert(name.to_owned(), output.clone());
        }
        record.insert("output".to_owned(), output.clone());
    }
    if let Some(error) = error {
        record.insert("error".to_owned(), error);
    }
    record.insert("status".to_owned(), Value::String(status.to_owned()));
    Value::Object(record)
}

/// The error as conditions and templates read it.
fn error_value(error: &StepError, step: Option<&str>) -> Value {
    let mut value = Map::new();
    value.insert("code".to_owned(), Value::String(error.code.clone()));
    value.insert("message".to_owned(), Value::String(error.message.clone()));
    if let Some(step) = step {
        value.insert("step".to_owned(), Value::String(step.to_owned()));
    }
    if let Some(status) = error.status {
        value.insert("status".to_owned(), Value::from(status));
    }
    Value::Object(value)
}

/// The JSON body of an HTTP answer: what such outputs have and others do not is a numeric status.
fn http_body(output: &Value) -> Option<&Value> {
    let fields = output.as_object()?;
    fields.get("status")?.as_u64()?;
    fields.get("headers")?.as_object()?;
    fields.get("body").filter(|body| !body.is_string() && !body.is_null())
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

fn at_step(prefix: &str, step: &str, passage: u32) -> Active {
    Active { step: step.to_owned(), path: format!("{prefix}{step}"), passage, attempt: 1, phase: Phase::Ready }
}

/// The scope that stands at the step execution `path`.
fn scope_at(state: &State, path: &str) -> Option<ScopeId> {
    let stands_there = |scope: &ScopeState| scope.active.as_ref().is_some_and(|active| active.path == path);
    state.scopes.iter().find(|(_, scope)| stands_there(scope)).map(|(id, _)| *id)
}

fn active_at<'a>(state: &'a mut State, path: &str) -> Option<&'a mut Active> {
    let scope = scope_at(state, path)?;
    state.scopes.get_mut(&scope)?.active.as_mut()
}

/// Records a finished step and moves its scope on.
fn finish(state: &mut State, path: &str, step: &str, record: Value, to: Option<&str>) {
    let Some(id) = scope_at(state, path) else { return };
    let active = state.scopes.get_mut(&id).and_then(|scope| scope.active.as_mut());
    if let Some(Phase::Children(children)) = active.map(|active| &mut active.phase) {
        let left = std::mem::take(&mut children.left);
        absorb(state, id, left);
    }
    let Some(scope) = state.scopes.get_mut(&id) else { return };
    let steps = if id == ROOT { &mut state.steps } else { &mut scope.steps };
    object(steps).insert(step.to_owned(), record);
    if id != ROOT {
        // Only a nested scope's outcome is read from its last step.
        scope.last = Some(step.to_owned());
    }
    scope.active = to.map(|to| at_step_again(&mut state.passages, steps, &scope.prefix, to));
}

/// A step that a flow comes to, perhaps not for the first time.
fn at_step_again(passages: &mut BTreeMap<StepPath, u32>, finished: &Value, prefix: &str, step: &str) -> Active {
    let mut active = at_step(prefix, step, 1);
    if finished.get(step).is_some() {
        let count = passages.entry(active.path.clone()).or_insert(1);
        *count = count.saturating_add(1);
        active.passage = *count;
    }
    active
}

/// The scopes that a step opened go with it: when its attempt fails by a time-out, they are under way.
fn drop_below(state: &mut State, path: &str) {
    // Nothing can be below when there is only the flow itself.
    if state.scopes.len() > 1
        && let Some(scope) = scope_at(state, path)
    {
        for below in state.below(scope) {
            state.scopes.remove(&below);
        }
    }
}

fn count_step(state: &mut State, path: &str) {
    if let Some(scope) = scope_at(state, path).and_then(|scope| state.scopes.get_mut(&scope)) {
        scope.taken = scope.taken.saturating_add(1);
    }
}

/// The moment that `now` stands for in an attempt.
const fn began(phase: &Phase) -> Timestamp {
    match phase {
        Phase::Actions { now, .. } => *now,
        Phase::Children(children) => children.now,
        Phase::Waiting(wait) => wait.now,
        Phase::Ready | Phase::Backoff { .. } => Timestamp(0),
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => fields,
        _made_one_above => unreachable!("it was made an object"),
    }
}

/// Writes a root value where a scope reads it: nested scopes must not disturb each other.
fn write_near(state: &mut State, scope: ScopeId, name: &str, value: Value) {
    if scope == ROOT {
        return write(state, ROOT, name, &value);
    }
    if let Some(scope) = state.scopes.get_mut(&scope) {
        scope.locals.insert(name.to_owned(), value);
    }
}

/// Merges an object over the context, deeply (D-9).
fn merge_over(state: &mut State, scope: ScopeId, value: &Value) {
    let mut leaves = Vec::new();
    collect_leaves(value, &mut String::new(), &mut leaves);
    for (path, leaf) in leaves {
        write(state, scope, &path, &leaf);
    }
}

/// The values of an object that are no objects, with their paths. Keys that cannot stand in a
/// dotted path are taken with everything below them as one value.
fn collect_leaves(value: &Value, path: &mut String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields)
            if !fields.keys().any(|key| key.contains('.')) && (path.is_empty() || !fields.is_empty()) =>
        {
            for (key, value) in fields {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                collect_leaves(value, path, leaves);
                path.truncate(length);
            }
        }
        Value::Object(fields) if path.is_empty() => {
            leaves.extend(fields.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        other if !path.is_empty() => leaves.push((path.clone(), other.clone())),
        _not_an_object => {}
    }
}

/// Writes a value at a dotted path into the context of a scope.
fn write(state: &mut State, scope: ScopeId, path: &str, value: &Value) {
    let written = match state.scopes.get_mut(&scope).filter(|_| scope != ROOT) {
        Some(scope) => &mut scope.written,
        None => &mut state.written,
    };
    put(written, path, value.clone());
}

/// Puts a value at a dotted path, making objects on the way.
fn put(written: &mut Written, path: &str, value: Value) {
    if !written.replaced.contains(path) {
        written.replaced.insert(path.to_owned());
    }
    let Some((root, below)) = path.split_once('.') else {
        written.values.insert(path.to_owned(), value);
        return;
    };
    let mut place = written.values.entry(root).or_insert_with(|| Value::Object(Map::new()));
    for name in below.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = value;
}
