//! Creates, changes, pauses, resumes and deletes schedules.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use ids::ScheduleId;
use serde_json::{Value, json};
use store::ScheduleRow;

use super::read::{one, unknown};
use super::timing::Timing;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::WorkflowRef;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest name and idempotency key, in characters.
const MAX_NAME: usize = 255;
/// Longest description and reason, in characters.
const MAX_TEXT: usize = 2_000;

/// Failures in a row after which a schedule pauses itself, at most.
const MAX_FAILURES: i32 = 100;

/// A schedule to create.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// What it starts.
    pub workflow: WorkflowRef,
    /// Name to show.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When.
    pub timing: Timing,
    /// Input of the executions.
    pub input: Option<Value>,
    /// It is created paused.
    pub is_paused: bool,
    /// After how many failures in a row it pauses itself; never when absent.
    pub pause_after: Option<i32>,
    /// Same key, same schedule.
    pub idempotency_key: Option<String>,
}

/// What to change of a schedule; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct SchedulePatch {
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
    /// Name to show.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Input of the executions.
    pub input: Option<Value>,
    /// Whether it pauses itself when executions fail.
    pub pauses_on_failure: Option<bool>,
    /// After how many failures in a row, if it does.
    pub pause_after: Option<i32>,
}

/// Creates a schedule; one that was created with the same idempotency key is found.
///
/// # Errors
/// `Forbidden`; mistakes, all at once, among them a spec that never fires; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, new: NewSchedule) -> Result<ScheduleRow, ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    let unknown_workflow = || {
        let message = "there is no such workflow";
        ServiceError::mistake(
            Mistake::new(Code::NotFound, "workflow", message).with_help("List what there is with `workflows`."),
        )
    };
    let published = services.plans().published(services.store(), viewer.organization, &new.workflow).await?;
    let workflow = published.ok_or_else(unknown_workflow)?.workflow;
    if !reach::workflow(services, viewer, workflow).await? {
        return Err(unknown_workflow());
    }
    let now = services.now();
    let mut mistakes = check_texts(services, Some(&new.name), new.description.as_deref(), new.input.as_ref());
    if new.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > MAX_NAME) {
        mistakes.push(Mistake::new(Code::Invalid, "idempotencyKey", format!("it has 1 to {MAX_NAME} characters")));
    }
    mistakes.extend(wrong_count(new.pause_after));
    let due = due(&new.timing, now, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let input = new.input.map(|input| input.to_string());
    let id = ScheduleId::new();
    let mut row = ScheduleRow {
        id,
        organization_id: viewer.organization,
        workflow_id: workflow,
        name: new.name,
        description: new.description,
        timing: new.timing.text(),
        input: input.clone(),
        trigger_ordinal: None,
        is_enabled: true,
        paused_at_ms: new.is_paused.then_some(now.0),
        paused_reason: None,
        paused_by: new.is_paused.then(|| viewer.actor.id.clone()),
        timed_at_ms: now.0,
        due_ms: None,
        next_at_ms: None,
        wake_at_ms: None,
        revision: 1,
        idempotency_key: new.idempotency_key,
        created_at_ms: now.0,
        created_by: viewer.actor.id.clone(),
        updated_at_ms: now.0,
        pause_after: new.pause_after,
    };
    set_due(&mut row, &new.timing, due);
    let inserted = services.store().insert_schedule(row).await?;
    let (row, is_new) = inserted.ok_or(ServiceError::Unauthenticated)?;
    let is_same = row.workflow_id == workflow && row.timing == new.timing.text() && row.input == input;
    if !is_new && !is_same {
        let message = "this idempotency key was used for another schedule";
        return Err(ServiceError::mistake(Mistake::new(Code::Duplicate, "idempotencyKey", message)));
    }
    let named = if is_new { "schedule.created" } else { "schedule.found" };
    viewer.origin.trail.note(change(&row, named).after(shown(&row)));
    Ok(row)
}

/// Changes a schedule; `retime` gets its timing as it is, and says whether it changed it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT` when it was changed meanwhile; `WRONG_STATE` when it belongs to a definition;
/// mistakes; the database away.
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: ScheduleId,
    patch: SchedulePatch,
    retime: impl FnOnce(&mut Timing) + Send,
) -> Result<ScheduleRow, ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    let row = one(services, viewer, id).await?;
    refuse_managed(&row)?;
    if patch.expected_revision.is_some_and(|expected| expected != row.revision) {
        return Err(moved_on(&row));
    }
    let old = read(&row)?;
    let mut timing = old.clone();
    retime(&mut timing);
    let mut mistakes = check_texts(services, patch.name.as_deref(), patch.description.as_deref(), patch.input.as_ref());
    mistakes.extend(wrong_count(patch.pause_after));
    let pause_after = match (patch.pauses_on_failure, patch.pause_after) {
        (Some(false), _) => None,
        (Some(true), count) => count.or(row.pause_after).or(Some(1)),
        (None, count) => row.pause_after.map(|known| count.unwrap_or(known)),
    };
    let now = services.now();
    let is_retimed = timing != old;
    let mut new = ScheduleRow {
        name: patch.name.unwrap_or_else(|| row.name.clone()),
        description: patch.description.or_else(|| row.description.clone()),
        input: patch.input.map(|input| input.to_string()).or_else(|| row.input.clone()),
        timing: timing.text(),
        updated_at_ms: now.0,
        pause_after,
        ..row.clone()
    };
    if is_retimed {
        let due = due(&timing, now, &mut mistakes);
        new.timed_at_ms = now.0;
        set_due(&mut new, &timing, due);
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let saved = services.store().save_schedule(new, row.revision, is_retimed).await?.ok_or_else(|| moved_on(&row))?;
    viewer.origin.trail.note(change(&saved, "schedule.updated").before(shown(&row)).after(shown(&saved)));
    Ok(saved)
}

/// Keeps a schedule from firing; one that is paused stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT`; `INVALID` for a reason that is too long; the database away.
#[boxed]
pub async fn pause(
    services: &Services,
    viewer: &Viewer,
    id: ScheduleId,
    reason: String,
) -> Result<ScheduleRow, ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    let row = one(services, viewer, id).await?;
    if reason.chars().count() > MAX_TEXT {
        let message = format!("the reason has at most {MAX_TEXT} characters");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "reason", message)));
    }
    if row.paused_at_ms.is_some() {
        return Ok(row);
    }
    let now = services.now();
    // It is looked at once more: what was planned before is started, and nothing else.
    let new = ScheduleRow {
        paused_at_ms: Some(now.0),
        paused_reason: Some(reason.clone()),
        paused_by: Some(viewer.actor.id.clone()),
        next_at_ms: None,
        wake_at_ms: Some(now.0),
        updated_at_ms: now.0,
        ..row.clone()
    };
    let saved = services.store().save_schedule(new, row.revision, true).await?.ok_or_else(|| moved_on(&row))?;
    viewer.origin.trail.note(change(&saved, "schedule.paused").because(Some(reason)));
    Ok(saved)
}

/// Lets a schedule fire again, from now on: what came while it was paused does not.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT`; the database away.
#[boxed]
pub async fn resume(services: &Services, viewer: &Viewer, id: ScheduleId) -> Result<ScheduleRow, ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    let row = one(services, viewer, id).await?;
    if row.paused_at_ms.is_none() {
        return Ok(row);
    }
    let now = services.now();
    let timing = read(&row)?;
    let mut mistakes = Vec::new();
    let due = due(&timing, now, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let mut new = ScheduleRow {
        paused_at_ms: None,
        paused_reason: None,
        paused_by: None,
        timed_at_ms: now.0,
        updated_at_ms: now.0,
        ..row.clone()
    };
    set_due(&mut new, &timing, due);
    // What was buffered before the pause is looked at too.
    new.wake_at_ms = Some(now.0);
    let saved = services.store().save_schedule(new, row.revision, true).await?.ok_or_else(|| moved_on(&row))?;
    viewer.origin.trail.note(change(&saved, "schedule.resumed"));
    Ok(saved)
}

/// Deletes a schedule with its history. Its executions stay.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it belongs to a definition; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: ScheduleId) -> Result<(), ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    let row = one(services, viewer, id).await?;
    refuse_managed(&row)?;
    if !services.store().delete_schedule(viewer.organization, id).await? {
        return Err(unknown(id));
    }
    viewer.origin.trail.note(change(&row, "schedule.deleted").before(shown(&row)));
    Ok(())
}

pub(super) fn change(row: &ScheduleRow, named: &'static str) -> Change {
    Change::of("schedule", row.id, row.name.as_str()).named(named)
}

/// What the audit log shows of a schedule; the input is with the schedule, for those who may see it.
fn shown(row: &ScheduleRow) -> Value {
    let timing: Value = serde_json::from_str(&row.timing).unwrap_or_default();
    json!({ "name": row.name, "workflowId": row.workflow_id, "timing": timing, "isPaused": row.paused_at_ms.is_some() })
}

fn read(row: &ScheduleRow) -> Result<Timing, ServiceError> {
    Timing::of(row)
        .map_err(|error| ServiceError::Internal { what: "a stored schedule cannot be read", source: error.into() })
}

/// The first point in time; there has to be one.
fn due(timing: &Timing, now: Timestamp, mistakes: &mut Vec<Mistake>) -> Option<Timestamp> {
    let calendar = match timing.calendar() {
        Ok(calendar) => calendar,
        Err(wrong) => {
            mistakes.extend(wrong);
            return None;
        }
    };
    let due = timing.next_after(&calendar, now).map(|fire| fire.at);
    if due.is_none() {
        let message = "the schedule never fires: no point in time is left after now and within its bounds";
        mistakes.push(Mistake::new(Code::Invalid, "spec", message).with_help("Look at it with `schedulePreview`."));
    }
    due
}

fn set_due(row: &mut ScheduleRow, timing: &Timing, due: Option<Timestamp>) {
    let next = due.map(|due| timing.fires_at(row.id, due).0);
    row.due_ms = due.map(|due| due.0);
    row.next_at_ms = next.filter(|_next| row.paused_at_ms.is_none());
    row.wake_at_ms = row.next_at_ms;
}

fn wrong_count(pause_after: Option<i32>) -> Option<Mistake> {
    let is_wrong = pause_after.is_some_and(|count| !(1..=MAX_FAILURES).contains(&count));
    let message = format!("a schedule pauses itself after 1 to {MAX_FAILURES} failures in a row");
    is_wrong.then(|| Mistake::new(Code::Invalid, "pauseAfterFailures", message))
}

fn check_texts(
    services: &Services,
    name: Option<&str>,
    description: Option<&str>,
    input: Option<&Value>,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains('\0')) {
        let message = format!("a name has 1 to {MAX_NAME} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "name", message));
    }
    if description.is_some_and(|text| text.chars().count() > MAX_TEXT || text.contains('\0')) {
        let message = format!("a description has at most {MAX_TEXT} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "description", message));
    }
    if let Some(input) = input {
        let limit = services.settings().max_payload_bytes;
        if !input.is_object() {
            let message = "the input must be an object: its keys are what templates and conditions read";
            mistakes.push(Mistake::new(Code::Invalid, "input", message));
        } else if input.to_string().len() > limit {
            mistakes.push(Mistake::new(Code::TooLarge, "input", format!("the input has more than {limit} bytes")));
        }
    }
    mistakes
}

fn refuse_managed(row: &ScheduleRow) -> Result<(), ServiceError> {
    if row.trigger_ordinal.is_none() {
        return Ok(());
    }
    let message = format!("schedule `{}` belongs to the definition of its workflow", row.name);
    let help = "Change the trigger in the definition and publish it; `schedulePause` holds it.";
    Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message).with_help(help)))
}

fn moved_on(row: &ScheduleRow) -> ServiceError {
    let message = format!("schedule `{}` was changed meanwhile", row.name);
    ServiceError::mistake(
        Mistake::new(Code::Conflict, "expectedRevision", message).with_help("Read it again and decide anew."),
    )
}
