//! What executions are told when somebody wants something of them: the same for one and for many.

use async_recursion::async_recursion as boxed;
use engine::machine::{self, Command, Refused};
use ids::ExecutionId;
use serde_json::Value;
use store::{ExecutionRow, ExecutionStatus, Ruled, Ruling};

use super::control::has_ended;
use super::known::Known;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::signals::Told;
use crate::viewer::Viewer;

/// To end; nothing when it was cancelled before.
///
/// # Errors
/// `WRONG_STATE` when it has ended otherwise.
pub fn to_cancel(viewer: &Viewer, row: &ExecutionRow, reason: Option<&str>) -> Result<Option<Told>, ServiceError> {
    not_over(row, "cancelled")?;
    if row.status == ExecutionStatus::Cancelled {
        return Ok(None);
    }
    Ok(Some(Told::Cancel { by: Some(viewer.actor.id.clone()), reason: reason.map(str::to_owned) }))
}

/// To begin no further step, while time limits stand still or go on; nothing when it is paused already.
///
/// # Errors
/// `WRONG_STATE` when it has ended.
pub fn to_pause(
    viewer: &Viewer,
    row: &ExecutionRow,
    reason: Option<&str>,
    freezes: bool,
) -> Result<Option<Told>, ServiceError> {
    if row.status.is_ended() {
        return Err(has_ended(row, "paused"));
    }
    if row.status == ExecutionStatus::Paused {
        return Ok(None);
    }
    Ok(Some(Told::Pause { by: Some(viewer.actor.id.clone()), reason: reason.map(str::to_owned), freezes }))
}

/// To go on now.
///
/// # Errors
/// `WRONG_STATE` when it is not paused.
pub fn to_resume(
    viewer: &Viewer,
    row: &ExecutionRow,
    data: Option<Value>,
    at_step: Option<String>,
) -> Result<Told, ServiceError> {
    is_paused(row)?;
    Ok(Told::Resume { by: Some(viewer.actor.id.clone()), data, at_step })
}

/// Refuses what has ended, but for what was cancelled.
pub(super) fn not_over(row: &ExecutionRow, what: &str) -> Result<(), ServiceError> {
    if matches!(row.status, ExecutionStatus::Completed | ExecutionStatus::Failed) {
        return Err(has_ended(row, what));
    }
    Ok(())
}

/// Refuses what is not paused.
pub(super) fn is_paused(row: &ExecutionRow) -> Result<(), ServiceError> {
    not_over(row, "resumed")?;
    if row.status != ExecutionStatus::Paused {
        let message = format!("execution {} is not paused", row.id);
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)));
    }
    Ok(())
}

/// Refuses data that cannot be merged over those of an execution.
pub fn check_data(data: Option<&Value>) -> Result<(), ServiceError> {
    if data.is_some_and(|data| !data.is_object()) {
        let message = "the data must be an object: its keys are merged over the data";
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "data", message)));
    }
    Ok(())
}

/// That an execution goes on after its failure.
pub struct Retrying {
    /// To be written; it holds for the execution as it was looked at.
    pub ruling: Ruling,
    /// The step of the flow at which it goes on.
    pub from_step: Option<String>,
    /// The execution as it was.
    pub row: ExecutionRow,
}

/// To go on at the step at which it failed; with `hold` it is paused before.
///
/// # Errors
/// `WRONG_STATE` when it has not failed, or its deadline is over; the database away.
#[boxed]
pub async fn to_retry(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    hold: bool,
    reason: Option<String>,
) -> Result<Retrying, ServiceError> {
    let id = row.id;
    if row.status != ExecutionStatus::Failed {
        return Err(not_retried(id, &Refused::NotFailed));
    }
    let known = Known::read(services, row).await?;
    let now = services.now();
    let command = Command::Retry { by: Some(viewer.actor.id.clone()), reason, hold };
    let decided = machine::decide(&known.version.plan, &known.origin, &known.state, command, now)
        .map_err(|problem| not_retried(id, &problem))?;
    let ruling = Ruling {
        organization_id: viewer.organization,
        execution_id: id,
        seq: known.seq,
        events: serde_json::to_string(&decided.events).expect("events are plain data"),
        at_ms: now.0,
        what: Ruled::Retried,
        sends: Vec::new(),
    };
    Ok(Retrying { ruling, from_step: known.state.failed_step().map(str::to_owned), row: known.row })
}

fn not_retried(id: ExecutionId, problem: &Refused) -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "id", format!("execution {id} cannot be retried: {problem}"));
    ServiceError::mistake(mistake.with_help("Start a new one from its input with `executionRerun`."))
}
