//! Fires a schedule now, beside its times.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::{ScheduleId, ScheduleRunId};
use serde_json::{Value, json};
use store::{ExecutionRow, ScheduleRunKind, ScheduleRunRow, ScheduleRunState};

use super::input;
use super::read::one;
use super::write::change;
use crate::error::ServiceError;
use crate::executions::{self, StartRequest, Started, Trigger, WaitFor};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Starts an execution of what a schedule starts, with `input` or its own; whatever its policies and whether it is
/// paused or not.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the mistakes of a start; the database away.
#[boxed]
pub async fn trigger(
    services: &Services,
    viewer: &Viewer,
    id: ScheduleId,
    input: Option<Value>,
) -> Result<(Started, Option<ExecutionRow>), ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    let row = one(services, viewer, id).await?;
    let now = services.now();
    let input = match input {
        Some(input) => Some(input),
        None => input::of(services, &row, now).await?,
    };
    let request = StartRequest {
        workflow: WorkflowRef::Id(row.workflow_id),
        version: None,
        input,
        key: None,
        idempotency_key: None,
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Schedule { schedule: row.id, scheduled_for: now, is_catch_up: false },
    };
    let (started, execution) = executions::start(services, viewer, request, WaitFor::Nothing, Duration::ZERO).await?;
    viewer.origin.trail.note(change(&row, "schedule.triggered").after(json!({ "executionId": started.execution })));
    let run = ScheduleRunRow {
        id: ScheduleRunId::new(),
        organization_id: row.organization_id,
        schedule_id: row.id,
        scheduled_for_ms: now.0,
        state: ScheduleRunState::Started,
        kind: ScheduleRunKind::Manual,
        execution_id: Some(started.execution),
        note: None,
        is_open: true,
        fired_at_ms: Some(now.0),
        backfill_id: None,
    };
    // It has been started: an error now would have the caller start another one.
    if let Err(problem) = services.store().insert_schedule_run(&run).await {
        tracing::warn!(
            error = %crate::chain(&problem),
            schedule = %row.id,
            execution = %started.execution,
            "the history of a schedule misses an execution that was started by hand"
        );
    }
    Ok((started, execution))
}
