//! Whether an execution that rests can go on with another version of its workflow, and if not, why.
//!
//! Where it stands, what it found out and what it waits for stay as they are; only what comes next is read from the
//! other version. So each step that it stands at must be there, in the same place, and wait for the same. When in
//! doubt it stays: nobody sees a wrong move before it is too late.

use serde_json::Value;

use super::freeze::life_would_end;
use super::loading::unloaded;
use super::state::{Active, Awaited, Awaiting, Children, Origin, Phase, ROOT, ScopeState, State, Status};
use super::view::View;
use crate::Timestamp;
use crate::diff::{Place, places};
use crate::plan::{LOADING_STEP, Plan};
use crate::rule::names;

/// Why an execution cannot go on with another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Path of the step that it stands at; none when it concerns the execution as a whole.
    pub path: Option<String>,
    /// In words.
    pub reason: String,
}

/// The versions that an execution goes from and to.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// The canonical definition that it runs.
    pub from: &'a Value,
    /// The canonical definition to go on with.
    pub to: &'a Value,
    /// The same, compiled.
    pub plan: &'a Plan,
    /// Its number.
    pub number: i32,
}

/// What stands in the way of going on with another version at this moment; nothing when it can.
#[must_use]
pub fn obstacles(versions: &Versions<'_>, origin: &Origin, state: &State, now: Timestamp) -> Vec<Obstacle> {
    let mut found = Vec::new();
    let mut whole = |reason: String| found.push(Obstacle { path: None, reason });
    match state.status() {
        Status::Waiting | Status::Blocked | Status::Paused => {}
        Status::Queued | Status::Running => {
            whole("it is at work, or about to be; it can move when it rests, so pause it".to_owned());
            return found;
        }
        Status::Completed | Status::Failed | Status::Cancelled => {
            whole("it has ended".to_owned());
            return found;
        }
    }
    let number = versions.number;
    let part = |definition: &Value, key: &str| definition.get(key).cloned().unwrap_or(Value::Null);
    if part(versions.from, "concurrency") != part(versions.to, "concurrency") {
        whole(format!("it has or awaits a slot by its `concurrency`, which is another one in version {number}"));
    }
    if state.has_not_begun() && part(versions.from, "rate_limit") != part(versions.to, "rate_limit") {
        whole(format!("it awaits its turn by its `rate_limit`, which is another one in version {number}"));
    }
    let deadline = life_would_end(versions.plan, origin, state, now);
    if deadline.is_some_and(|deadline| deadline <= now) {
        whole(format!("it has lived longer than the `deadline` of version {number} allows"));
    }
    if let Err(problems) = versions.plan.check_input(&origin.payload) {
        let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        whole(format!("its input does not fit the input schema of version {number}: {first}"));
    }
    let is_top = |step: &str| versions.plan.step(step).is_some() && !versions.plan.is_nested(step);
    let later = state.resumes.as_ref().and_then(|resume| resume.at_step.clone());
    let later = later.or_else(|| state.resumes_on.as_ref()?.at_step.clone());
    for step in later.into_iter().chain(state.entry.clone()).filter(|step| !is_top(step)) {
        whole(format!("it is to go on at step `{step}`, which version {number} has not at its top level"));
    }
    let rule = state.resumes_on.as_ref().and_then(|awaited| awaited.on.rule());
    if let Some(rule) = rule.filter(|rule| !names(versions.plan.definition()).contains(*rule)) {
        whole(format!("its pause ends by rule `{rule}`, which version {number} does not name"));
    }
    let view = View::new(versions.plan, origin, state, ROOT, now);
    let has_loaded = !state.has_not_begun()
        && state.scopes.values().filter_map(|scope| scope.active.as_ref()).all(|active| active.step != LOADING_STEP);
    if let Some(part) = unloaded(versions.plan, &view, state).filter(|_| has_loaded) {
        whole(format!("version {number} reads {part}, which was not loaded when it began"));
    }
    let (old, new) = (places(versions.from), places(versions.to));
    for scope in state.scopes.values() {
        let Some(active) = &scope.active else { continue };
        if active.step == LOADING_STEP {
            let reason = loads(number, active, versions.plan);
            found.extend(reason.map(|reason| Obstacle { path: Some(active.path.to_string()), reason }));
            continue;
        }
        let reason = match (place_of(&old, &active.step), place_of(&new, &active.step)) {
            (_, None) => Some(format!("it stands at step `{}`, which version {number} has not", active.step)),
            (None, Some(_)) => Some(format!("its own version has no step `{}`", active.step)),
            (Some(old), Some(new)) => stands(number, active, scope, (old, new)),
        };
        found.extend(reason.map(|reason| Obstacle { path: Some(active.path.to_string()), reason }));
    }
    found
}

/// What speaks against going on where everything is loaded: the next attempt is made as the other version says.
fn loads(number: i32, active: &Active, plan: &Plan) -> Option<String> {
    if matches!(active.phase, Phase::Actions { in_flight: true, .. }) {
        return Some("what it reads is being loaded".to_owned());
    }
    plan.loading().is_none().then(|| format!("it is about to load what it reads, and version {number} loads nothing"))
}

fn place_of<'a, 'b>(places: &'b [Place<'a>], step: &str) -> Option<&'b Place<'a>> {
    places.iter().find(|place| place.id == step)
}

/// What speaks against going on at a step that is there in both.
fn stands(number: i32, active: &Active, scope: &ScopeState, steps: (&Place<'_>, &Place<'_>)) -> Option<String> {
    let ((old, new), step) = (steps, &active.step);
    let kind = |place: &Place<'_>| place.own.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind(old) != kind(new) {
        return Some(format!("step `{step}` is of type `{}`, and in version {number} `{}`", kind(old), kind(new)));
    }
    if old.within != new.within || (scope.parent.is_some() && old.branch != new.branch) {
        return Some(format!("step `{step}` stands in another place in version {number}"));
    }
    match &active.phase {
        // Its next attempt is a new one.
        Phase::Ready | Phase::Backoff { .. } => None,
        Phase::Actions { in_flight: true, .. } => Some(format!("a call of step `{step}` is under way")),
        Phase::Actions { in_flight: false, .. } => (old.own != new.own)
            .then(|| format!("step `{step}` is amid its actions, and is another one in version {number}")),
        Phase::Children(children) => holds(number, step, children, old, new),
        Phase::Waiting(wait) => waits(number, step, wait, old, new),
    }
}

/// What speaks against going on with branches, items or rounds that are under way.
fn holds(number: i32, step: &str, children: &Children, old: &Place<'_>, new: &Place<'_>) -> Option<String> {
    if old.branches != new.branches {
        let (had, has) = (old.branches, new.branches);
        return Some(format!("step `{step}` was begun with {had} branches, and has {has} in version {number}"));
    }
    let list = |place: &Place<'_>| place.own.get("foreach").cloned();
    if !children.stopped && list(old) != list(new) {
        return Some(format!("step `{step}` goes through a list, and does so otherwise in version {number}"));
    }
    None
}

/// What speaks against going on with a wait.
fn waits(number: i32, step: &str, wait: &Awaiting, old: &Place<'_>, new: &Place<'_>) -> Option<String> {
    let of = |place: &Place<'_>, pointer: &str| place.own.pointer(pointer).cloned();
    let same = |pointer: &str| of(old, pointer) == of(new, pointer);
    match &wait.what {
        Awaited::Time if of(new, "/wait/event").is_some() => {
            Some(format!("step `{step}` waits for a time, and in version {number} for an event"))
        }
        // A moment stays where it is during a pause, and a length of time does not.
        Awaited::Time => {
            let form = |place: &Place<'_>| {
                if of(place, "/wait/until").is_some() { "until a moment" } else { "for a length of time" }
            };
            let (had, has) = (form(old), form(new));
            (had != has).then(|| format!("step `{step}` waits {had}, and in version {number} {has}"))
        }
        Awaited::Event { event, .. } if !same("/wait/event") => {
            let other = of(new, "/wait/event").and_then(|event| event.as_str().map(str::to_owned));
            let other = other.map_or_else(|| "a time".to_owned(), |event| format!("`{event}`"));
            Some(format!("step `{step}` waits for `{event}`, and in version {number} for {other}"))
        }
        Awaited::Event { event, .. } => (!same("/wait/match"))
            .then(|| format!("step `{step}` waits for `{event}`, which is matched otherwise in version {number}")),
        Awaited::Approval { holds: true, .. } => (!same("/action/type"))
            .then(|| format!("step `{step}` holds a decision, which is another one in version {number}")),
        Awaited::Approval { holds: false, .. } => None,
        Awaited::Child { .. } => (!same("/workflow/workflow_id"))
            .then(|| format!("step `{step}` waits for a workflow, which is another one in version {number}")),
    }
}
