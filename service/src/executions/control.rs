//! People who pause, resume and cancel executions. What they want is recorded, and done by whichever worker
//! has or gets the execution.

use std::time::Duration;

use ids::ExecutionId;
use serde_json::{Value, json};
use store::{ExecutionRow, ExecutionStatus};

use super::wait::{WaitFor, wait_for_news};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
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
pub async fn cancel(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    let row = live(services, viewer, id, reason.as_deref(), "cancelled").await?;
    if row.status == ExecutionStatus::Cancelled {
        return Ok(row);
    }
    note(viewer, &row, "execution.cancel_asked", reason.clone(), Value::Null);
    let by = Some(viewer.actor.id.clone());
    told(services, viewer, row, Told::Cancel { by, reason }, WaitFor::Completion).await
}

/// Lets an execution begin no further step. What is under way comes to its end first.
///
/// # Errors
/// As [`cancel`].
pub async fn pause(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    let row = live(services, viewer, id, reason.as_deref(), "paused").await?;
    if row.status == ExecutionStatus::Paused {
        return Ok(row);
    }
    if row.status.is_ended() {
        return Err(has_ended(&row, "paused"));
    }
    note(viewer, &row, "execution.pause_asked", reason.clone(), Value::Null);
    let by = Some(viewer.actor.id.clone());
    told(services, viewer, row, Told::Pause { by, reason }, WaitFor::Pause).await
}

/// Lets a paused execution go on, with `data` merged over its context, at `from_step` when one is named.
///
/// # Errors
/// As [`cancel`]; `WRONG_STATE` when it is not paused; `INVALID` for data that is no object or a step that
/// the flow has not.
pub async fn resume(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    data: Option<Value>,
    from_step: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    let row = live(services, viewer, id, None, "resumed").await?;
    if row.status != ExecutionStatus::Paused {
        let message = format!("execution {id} is not paused");
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)));
    }
    if data.as_ref().is_some_and(|data| !data.is_object()) {
        let mistake =
            Mistake::new(Code::Invalid, "data", "the data must be an object: its keys are merged over the data");
        return Err(ServiceError::mistake(mistake));
    }
    if let Some(step) = &from_step {
        let version = services.plans().version(services.store(), viewer.organization, row.version_id).await?;
        let is_there =
            version.is_some_and(|version| version.plan.step(step).is_some() && !version.plan.is_nested(step));
        if !is_there {
            let message = format!("the flow has no step `{step}` at its top level");
            return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "fromStep", message)));
        }
    }
    // Which data, and not their values: those are in the execution, for those who may see them.
    let keys = data.as_ref().and_then(Value::as_object).map(|data| data.keys().collect::<Vec<_>>());
    note(viewer, &row, "execution.resume_asked", None, json!({ "dataKeys": keys, "fromStep": from_step }));
    let by = Some(viewer.actor.id.clone());
    told(services, viewer, row, Told::Resume { by, data, at_step: from_step }, WaitFor::Resume).await
}

/// The execution, when it can still be told something.
async fn live(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<&str>,
    what: &str,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON || reason.contains('\0')) {
        let message = format!("a reason has at most {MAX_REASON} characters, none of them NUL");
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "reason", message)));
    }
    let row = services.store().execution(viewer.organization, id).await?;
    let row = reach::execution(services, viewer, row).await?;
    let row = row.ok_or_else(|| {
        ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no execution {id}")))
    })?;
    if matches!(row.status, ExecutionStatus::Completed | ExecutionStatus::Failed) {
        return Err(has_ended(&row, what));
    }
    Ok(row)
}

/// Before it is told: one that is told and not noted could be cut off in between.
fn note(viewer: &Viewer, row: &ExecutionRow, named: &'static str, reason: Option<String>, after: Value) {
    let change = Change::of("execution", row.id, row.key.as_deref().unwrap_or_default());
    let before = json!({ "status": format!("{:?}", row.status).to_lowercase() });
    viewer.origin.trail.note(change.named(named).before(before).after(after).because(reason));
}

fn has_ended(row: &ExecutionRow, what: &str) -> ServiceError {
    let message = format!("execution {} has ended, so it cannot be {what}", row.id);
    ServiceError::mistake(Mistake::new(Code::WrongState, "id", message))
}

async fn told(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    what: Told,
    until: WaitFor,
) -> Result<ExecutionRow, ServiceError> {
    // Before it is told, or the news could be missed.
    let news = services.live().execution(row.id);
    tell(services, vec![what.row(viewer.organization, row.id)]).await?;
    let newest = wait_for_news(services, viewer, row.clone(), news, until, PATIENCE).await?;
    Ok(newest.unwrap_or(row))
}
