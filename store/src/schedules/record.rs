//! Rows of the database as the store hands them out, and back.

use entity::{schedule, schedule_run};
use ids::{BackfillId, ExecutionId, OrganizationId, ScheduleId, ScheduleRunId, WorkflowId};
use sea_orm::ActiveValue::Set;

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::schedule::{ScheduleRow, ScheduleRunKind, ScheduleRunRow, ScheduleRunState};

pub fn schedule_row(model: schedule::Model) -> ScheduleRow {
    ScheduleRow {
        id: ScheduleId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        workflow_id: WorkflowId::from_uuid(model.workflow_id),
        name: model.name,
        description: model.description,
        timing: model.timing,
        input: model.input,
        trigger_ordinal: model.trigger_ordinal,
        is_enabled: model.is_enabled,
        paused_at_ms: model.paused_at_ms,
        paused_reason: model.paused_reason,
        paused_by: model.paused_by,
        timed_at_ms: model.timed_at_ms,
        due_ms: model.due_ms,
        next_at_ms: model.next_at_ms,
        wake_at_ms: model.wake_at_ms,
        revision: model.revision,
        idempotency_key: model.idempotency_key,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        pause_after: model.pause_after,
    }
}

pub fn schedule_model(row: ScheduleRow) -> schedule::ActiveModel {
    schedule::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        workflow_id: Set(row.workflow_id.uuid()),
        name: Set(row.name),
        description: Set(row.description),
        timing: Set(row.timing),
        input: Set(row.input),
        trigger_ordinal: Set(row.trigger_ordinal),
        is_enabled: Set(row.is_enabled),
        paused_at_ms: Set(row.paused_at_ms),
        paused_reason: Set(row.paused_reason),
        paused_by: Set(row.paused_by),
        timed_at_ms: Set(row.timed_at_ms),
        due_ms: Set(row.due_ms),
        next_at_ms: Set(row.next_at_ms),
        wake_at_ms: Set(row.wake_at_ms),
        revision: Set(row.revision),
        idempotency_key: Set(row.idempotency_key),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by),
        updated_at_ms: Set(row.updated_at_ms),
        pause_after: Set(row.pause_after),
    }
}

pub fn run_row(model: schedule_run::Model) -> Result<ScheduleRunRow, StoreError> {
    Ok(ScheduleRunRow {
        id: ScheduleRunId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        schedule_id: ScheduleId::from_uuid(model.schedule_id),
        scheduled_for_ms: model.scheduled_for_ms,
        state: ScheduleRunState::try_from(model.state)?,
        kind: ScheduleRunKind::try_from(model.kind)?,
        execution_id: model.execution_id.map(ExecutionId::from_uuid),
        note: model.note,
        is_open: model.is_open,
        fired_at_ms: model.fired_at_ms,
        backfill_id: model.backfill_id.map(BackfillId::from_uuid),
    })
}

pub fn run_model(row: &ScheduleRunRow) -> schedule_run::ActiveModel {
    schedule_run::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        schedule_id: Set(row.schedule_id.uuid()),
        scheduled_for_ms: Set(row.scheduled_for_ms),
        state: Set(row.state.code()),
        kind: Set(row.kind.code()),
        execution_id: Set(row.execution_id.map(ExecutionId::uuid)),
        note: Set(row.note.clone()),
        is_open: Set(row.is_open),
        fired_at_ms: Set(row.fired_at_ms),
        backfill_id: Set(row.backfill_id.map(BackfillId::uuid)),
    }
}

pub fn check(row: &ScheduleRow) -> Result<(), StoreError> {
    check_texts([
        ("name", Some(row.name.as_str())),
        ("description", row.description.as_deref()),
        ("timing", Some(row.timing.as_str())),
        ("input", row.input.as_deref()),
        ("reason", row.paused_reason.as_deref()),
        ("idempotency_key", row.idempotency_key.as_deref()),
        ("created_by", Some(row.created_by.as_str())),
    ])
}
