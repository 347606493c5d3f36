//! An execution as lists read it: without the machine's state, which only claims need.

use entity::execution::Column;
use ids::{EventId, ExecutionId, OrganizationId, WorkerId, WorkflowId, WorkflowVersionId};
use sea_orm::FromQueryResult;
use sqlx::types::Uuid;

use crate::error::{StoreError, UnreadableRow};
use crate::model::execution::{ExecutionResult, ExecutionRow, ExecutionStatus, Label, TriggerType};

/// The columns of [`ExecutionRecord`].
pub const SHOWN: [Column; 33] = [
    Column::Id,
    Column::OrganizationId,
    Column::WorkflowId,
    Column::VersionId,
    Column::VersionNumber,
    Column::Status,
    Column::Result,
    Column::Key,
    Column::Priority,
    Column::Queue,
    Column::TriggerType,
    Column::TriggerData,
    Column::EventId,
    Column::StartedBy,
    Column::Input,
    Column::Labels,
    Column::Seq,
    Column::Epoch,
    Column::WorkerId,
    Column::Decision,
    Column::ErrorCode,
    Column::ErrorMessage,
    Column::FailedStep,
    Column::IdempotencyKey,
    Column::QueuedAtMs,
    Column::StartedAtMs,
    Column::EndedAtMs,
    Column::DeadlineAtMs,
    Column::WakeAtMs,
    Column::ParentId,
    Column::RerunOf,
    Column::PausedAtMs,
    Column::Rules,
];

/// The columns of a row that are shown.
#[derive(Debug, FromQueryResult)]
pub struct ExecutionRecord {
    id: Uuid,
    organization_id: Uuid,
    workflow_id: Uuid,
    version_id: Uuid,
    version_number: i32,
    status: i16,
    result: Option<i16>,
    key: Option<String>,
    priority: i16,
    queue: String,
    trigger_type: i16,
    trigger_data: String,
    event_id: Option<Uuid>,
    started_by: String,
    input: String,
    labels: String,
    seq: i32,
    epoch: i32,
    worker_id: Option<Uuid>,
    decision: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    failed_step: Option<String>,
    idempotency_key: Option<String>,
    queued_at_ms: i64,
    started_at_ms: Option<i64>,
    ended_at_ms: Option<i64>,
    deadline_at_ms: Option<i64>,
    wake_at_ms: Option<i64>,
    parent_id: Option<Uuid>,
    rerun_of: Option<Uuid>,
    paused_at_ms: Option<i64>,
    rules: Option<String>,
}

impl TryFrom<ExecutionRecord> for ExecutionRow {
    type Error = StoreError;

    fn try_from(record: ExecutionRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: ExecutionId::from_uuid(record.id),
            organization_id: OrganizationId::from_uuid(record.organization_id),
            workflow_id: WorkflowId::from_uuid(record.workflow_id),
            version_id: WorkflowVersionId::from_uuid(record.version_id),
            version_number: record.version_number,
            status: ExecutionStatus::try_from(record.status)?,
            result: record.result.map(ExecutionResult::try_from).transpose()?,
            key: record.key,
            priority: record.priority,
            queue: record.queue,
            trigger_type: TriggerType::try_from(record.trigger_type)?,
            trigger: record.trigger_data,
            event_id: record.event_id.map(EventId::from_uuid),
            started_by: record.started_by,
            input: record.input,
            labels: labels(&record.labels)?,
            seq: record.seq,
            epoch: record.epoch,
            worker_id: record.worker_id.map(WorkerId::from_uuid),
            decision: record.decision,
            error_code: record.error_code,
            error_message: record.error_message,
            failed_step: record.failed_step,
            idempotency_key: record.idempotency_key,
            queued_at_ms: record.queued_at_ms,
            started_at_ms: record.started_at_ms,
            ended_at_ms: record.ended_at_ms,
            deadline_at_ms: record.deadline_at_ms,
            wake_at_ms: record.wake_at_ms,
            parent_id: record.parent_id.map(ExecutionId::from_uuid),
            paused_at_ms: record.paused_at_ms,
            rerun_of: record.rerun_of.map(ExecutionId::from_uuid),
            rules: record.rules,
        })
    }
}

pub fn labels(text: &str) -> Result<Vec<Label>, StoreError> {
    // Most executions have none.
    if text == "[]" {
        return Ok(Vec::new());
    }
    let pairs: Vec<(String, String)> =
        serde_json::from_str(text).map_err(|source| UnreadableRow::List { column: "labels", source: source.into() })?;
    Ok(pairs.into_iter().map(|(name, value)| Label { name, value }).collect())
}
