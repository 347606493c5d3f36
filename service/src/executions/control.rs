//! People who pause, resume and cancel executions. What they want is recorded, and done by whichever worker
//! has or gets the execution.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use engine::Timestamp;
use engine::definition::ResumeWhen;
use engine::machine::MAX_PAUSE;
use ids::ExecutionId;
use serde_json::{Value, json};
use store::ExecutionRow;

use super::asked::{check_data, is_paused, to_cancel, to_pause, to_resume};
use super::known::found;
use super::resume_when::{AskedEvent, awaited};
use super::wait::{WaitFor, wait_for_news};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::signals::{Told, tell};
use crate::viewer::{Permission, Viewer};

/// How long an answer may wait for the worker. What was recorded is done in any case.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest reason, in characters.
const MAX_REASON: usize = 1_000;

/// Ends an execution; one that has been cancelled already stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has ended otherwise; the database away.
#[boxed]
pub async fn cancel(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    let row = reached(services, viewer, id, reason.as_deref()).await?;
    let Some(cancel) = to_cancel(viewer, &row, reason.as_deref())? else { return Ok(row) };
    note(viewer, &row, "execution.cancel_asked", reason, Value::Null);
    told(services, viewer, row, cancel, WaitFor::Completion).await
}

/// How an execution is paused.
#[derive(Debug, Clone)]
pub struct PauseRequest {
    /// Which.
    pub id: ExecutionId,
    /// Why.
    pub reason: Option<String>,
    /// Whether time limits stand still meanwhile.
    pub freezes: bool,
    /// When it goes on by itself.
    pub resume_at: Option<Timestamp>,
    /// At which event it goes on by itself, if that comes first.
    pub resume_when: Option<AskedEvent>,
}

/// Lets an execution begin no further step. What is under way comes to its end first.
///
/// # Errors
/// As [`cancel`]; `INVALID` for an event that cannot be waited for; `Forbidden` also for one with values or a condition
/// without `EXECUTION_DATA_READ`.
#[boxed]
pub async fn pause(services: &Services, viewer: &Viewer, request: PauseRequest) -> Result<ExecutionRow, ServiceError> {
    let PauseRequest { id, reason, freezes, resume_at, resume_when } = request;
    let row = reached(services, viewer, id, reason.as_deref()).await?;
    // What is wrong with the request is told whether or not there is something to do.
    check_moment("resumeAt", Some(services.now().0), resume_at)?;
    let when = awaited(services, viewer, &row, "resumeWhen", resume_when.as_ref()).await?;
    let Some(pause) = to_pause(viewer, &row, reason.as_deref(), freezes)? else { return Ok(row) };
    note(viewer, &row, "execution.pause_asked", reason, goes_on_by_itself(resume_at, when.as_deref()));
    if resume_at.is_none() && when.is_none() {
        return told(services, viewer, row, pause, WaitFor::Pause).await;
    }
    let by = Some(viewer.actor.id.clone());
    let due_at_ms = resume_at.map(|at| at.0);
    let resume = Told::ScheduleResume { by, due_at_ms, when, data: None, at_step: None };
    told_all(services, viewer, row, &[pause, resume], WaitFor::Pause).await
}

/// What the audit log has of it: not the values that an event must have.
fn goes_on_by_itself(at: Option<Timestamp>, when: Option<&ResumeWhen>) -> Value {
    if at.is_none() && when.is_none() {
        return Value::Null;
    }
    json!({ "resumeAt": at.map(Timestamp::to_rfc3339), "resumeWhen": when.map(|when| &when.event) })
}

/// How a paused execution goes on.
#[derive(Debug, Clone)]
pub struct ResumeRequest {
    /// Which.
    pub id: ExecutionId,
    /// Merged over its context.
    pub data: Option<Value>,
    /// When; now when there is neither this nor an event.
    pub at: Option<Timestamp>,
    /// At which event, if that comes first.
    pub when: Option<AskedEvent>,
    /// The step to go on at.
    pub from_step: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Lets a paused execution go on, now, at a moment or at an event.
///
/// # Errors
/// As [`cancel`]; `WRONG_STATE` when it is not paused; `INVALID` for data that is no object, a step that the flow
/// has not, or a moment at which it would have been paused for too long; for an event too when it is that now;
/// `Forbidden` also for an event with values or a condition without `EXECUTION_DATA_READ`.
#[boxed]
pub async fn resume(
    services: &Services,
    viewer: &Viewer,
    request: ResumeRequest,
) -> Result<ExecutionRow, ServiceError> {
    let ResumeRequest { id, data, at, when, from_step, reason } = request;
    let row = reached(services, viewer, id, reason.as_deref()).await?;
    is_paused(&row)?;
    check_data(data.as_ref())?;
    if let Some(step) = &from_step {
        let version = services.plans().version(services.store(), viewer.organization, row.version_id).await?;
        let is_there =
            version.is_some_and(|version| version.plan.step(step).is_some() && !version.plan.is_nested(step));
        if !is_there {
            let message = format!("the flow has no step `{step}` at its top level");
            return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "fromStep", message)));
        }
    }
    check_later(row.paused_at_ms, services.now(), at, when.is_some())?;
    let when = awaited(services, viewer, &row, "when", when.as_ref()).await?;
    // Which data, and not their values: those are in the execution, for those who may see them.
    let keys = data.as_ref().and_then(Value::as_object).map(|data| data.keys().collect::<Vec<_>>());
    let mut after = json!({ "dataKeys": keys, "fromStep": from_step, "at": at.map(Timestamp::to_rfc3339) });
    if let Some(when) = &when {
        after["when"] = json!(when.event);
    }
    note(viewer, &row, "execution.resume_asked", reason, after);
    if at.is_some() || when.is_some() {
        let by = Some(viewer.actor.id.clone());
        let told_later = Told::ScheduleResume { by, due_at_ms: at.map(|at| at.0), when, data, at_step: from_step };
        return told(services, viewer, row, told_later, WaitFor::Nothing).await;
    }
    let resume = to_resume(viewer, &row, data, from_step)?;
    told(services, viewer, row, resume, WaitFor::Resume).await
}

/// Takes back that a paused execution goes on by itself; nothing happens when it would not.
///
/// # Errors
/// As [`cancel`]; `WRONG_STATE` when it is not paused.
#[boxed]
pub async fn cancel_resume(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
) -> Result<ExecutionRow, ServiceError> {
    let row = reached(services, viewer, id, None).await?;
    is_paused(&row)?;
    note(viewer, &row, "execution.resume_taken_back", None, Value::Null);
    let by = Some(viewer.actor.id.clone());
    let no_more = Told::ScheduleResume { by, due_at_ms: None, when: None, data: None, at_step: None };
    told(services, viewer, row, no_more, WaitFor::Nothing).await
}

/// Neither at the moment of its resume may it have been paused for too long, nor now, if that is to come by itself.
fn check_later(
    paused_at_ms: Option<i64>,
    now: Timestamp,
    at: Option<Timestamp>,
    is_at_event: bool,
) -> Result<(), ServiceError> {
    check_moment("at", paused_at_ms, at)?;
    let field = if is_at_event { "when" } else { "at" };
    check_moment(field, paused_at_ms, (is_at_event || at.is_some()).then_some(now))
}

/// At this moment it may not have been paused for too long.
fn check_moment(field: &str, paused_at_ms: Option<i64>, at: Option<Timestamp>) -> Result<(), ServiceError> {
    let last = paused_at_ms.map(|since| Timestamp(since).plus(MAX_PAUSE));
    let Some(last) = last.filter(|last| at.is_some_and(|at| at > *last)) else { return Ok(()) };
    let message = format!("it can be resumed until {}: then it has been paused for 7 days", last.to_rfc3339());
    Err(ServiceError::mistake(Mistake::new(Code::Invalid, field, message)))
}

/// The execution, for whoever may tell it something.
async fn reached(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<&str>,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    check_reason(reason)?;
    found(services, viewer, id).await
}

/// What people say about why.
pub(crate) fn check_reason(reason: Option<&str>) -> Result<(), ServiceError> {
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON || reason.contains('\0')) {
        let message = format!("a reason has at most {MAX_REASON} characters, none of them NUL");
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "reason", message)));
    }
    Ok(())
}

/// Before it is told: one that is told and not noted could be cut off in between.
pub(super) fn note(viewer: &Viewer, row: &ExecutionRow, named: &'static str, reason: Option<String>, after: Value) {
    let change = Change::of("execution", row.id, row.key.as_deref().unwrap_or_default());
    let before = json!({ "status": format!("{:?}", row.status).to_lowercase() });
    viewer.origin.trail.note(change.named(named).before(before).after(after).because(reason));
}

pub(super) fn has_ended(row: &ExecutionRow, what: &str) -> ServiceError {
    let message = format!("execution {} has ended, so it cannot be {what}", row.id);
    ServiceError::mistake(Mistake::new(Code::WrongState, "id", message))
}

pub(super) async fn told(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    what: Told,
    until: WaitFor,
) -> Result<ExecutionRow, ServiceError> {
    told_all(services, viewer, row, &[what], until).await
}

async fn told_all(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    what: &[Told],
    until: WaitFor,
) -> Result<ExecutionRow, ServiceError> {
    // Before it is told, or the news could be missed.
    let news = services.live().execution(row.id);
    tell(services, what.iter().map(|told| told.row(viewer.organization, row.id)).collect()).await?;
    let newest = wait_for_news(services, viewer, row.clone(), news, until, PATIENCE).await?;
    Ok(newest.unwrap_or(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field that is wrong, of one that is paused since 5.
    fn field(now: Timestamp, at: Option<Timestamp>, is_at_event: bool) -> String {
        match check_later(Some(5), now, at, is_at_event) {
            Err(ServiceError::Mistakes(mistakes)) => mistakes[0].field.join("."),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn after_the_longest_pause_it_goes_on_at_no_moment_and_at_no_event() {
        let last = Timestamp(5).plus(MAX_PAUSE);
        let fine = "Ok(())";
        assert_eq!((field(last, Some(last), true).as_str(), field(last, None, true).as_str()), (fine, fine));
        assert_eq!(field(Timestamp(6), Some(last.later(1)), true), "at");
        assert_eq!(field(last.later(1), None, true), "when");
        assert_eq!(field(last.later(1), Some(last), true), "when");
        assert_eq!(field(last.later(1), Some(Timestamp(6)), false), "at", "a moment that is over");
        assert_eq!(field(last.later(1), None, false), fine, "the engine says it of a resume by hand");
        assert!(check_later(None, last.later(1), None, true).is_ok(), "it is not paused yet");
    }
}
