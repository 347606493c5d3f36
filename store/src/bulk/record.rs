//! Rows of the database as the store hands them out, and back.

use entity::{bulk_failure, bulk_item, bulk_operation};
use ids::{BulkOperationId, ExecutionId, OrganizationId};
use sea_orm::ActiveValue::Set;

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::bulk::{BulkFailureRow, BulkItemRow, BulkItemStatus, BulkKind, BulkOperationRow, BulkStatus};

pub fn operation_row(model: bulk_operation::Model) -> Result<BulkOperationRow, StoreError> {
    Ok(BulkOperationRow {
        id: BulkOperationId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        kind: BulkKind::try_from(model.kind)?,
        status: BulkStatus::try_from(model.status)?,
        filter: model.filter,
        arguments: model.arguments,
        reason: model.reason,
        is_dry_run: model.is_dry_run,
        rate_per_second: model.rate_per_second,
        created_by: model.created_by,
        acts_as: model.acts_as,
        total: model.total,
        is_counted: model.is_counted,
        succeeded: model.succeeded,
        failed: model.failed,
        skipped: model.skipped,
        position: model.position.map(ExecutionId::from_uuid),
        epoch: model.epoch,
        lease_until_ms: model.lease_until_ms,
        due_at_ms: model.due_at_ms,
        status_reason: model.status_reason,
        created_at_ms: model.created_at_ms,
        ended_at_ms: model.ended_at_ms,
    })
}

pub fn operation_model(row: BulkOperationRow) -> bulk_operation::ActiveModel {
    bulk_operation::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        kind: Set(row.kind.code()),
        status: Set(row.status.code()),
        filter: Set(row.filter),
        arguments: Set(row.arguments),
        reason: Set(row.reason),
        is_dry_run: Set(row.is_dry_run),
        rate_per_second: Set(row.rate_per_second),
        created_by: Set(row.created_by),
        acts_as: Set(row.acts_as),
        total: Set(row.total),
        is_counted: Set(row.is_counted),
        succeeded: Set(row.succeeded),
        failed: Set(row.failed),
        skipped: Set(row.skipped),
        position: Set(row.position.map(ExecutionId::uuid)),
        epoch: Set(row.epoch),
        lease_until_ms: Set(row.lease_until_ms),
        due_at_ms: Set(row.due_at_ms),
        status_reason: Set(row.status_reason),
        created_at_ms: Set(row.created_at_ms),
        ended_at_ms: Set(row.ended_at_ms),
    }
}

pub fn failure_row(model: bulk_failure::Model) -> BulkFailureRow {
    BulkFailureRow {
        organization_id: OrganizationId::from_uuid(model.organization_id),
        operation_id: BulkOperationId::from_uuid(model.operation_id),
        execution_id: ExecutionId::from_uuid(model.id),
        item: model.item,
        code: model.code,
        message: model.message,
        at_ms: model.at_ms,
    }
}

pub fn failure_model(row: &BulkFailureRow) -> bulk_failure::ActiveModel {
    bulk_failure::ActiveModel {
        operation_id: Set(row.operation_id.uuid()),
        id: Set(row.execution_id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        code: Set(row.code.clone()),
        message: Set(row.message.clone()),
        at_ms: Set(row.at_ms),
        item: Set(row.item),
    }
}

pub fn item_row(model: bulk_item::Model) -> Result<BulkItemRow, StoreError> {
    Ok(BulkItemRow {
        organization_id: OrganizationId::from_uuid(model.organization_id),
        operation_id: BulkOperationId::from_uuid(model.operation_id),
        number: model.number,
        execution_id: ExecutionId::from_uuid(model.id),
        status: BulkItemStatus::try_from(model.status)?,
        start: model.start,
        code: model.code,
        message: model.message,
    })
}

pub fn item_model(row: &BulkItemRow) -> bulk_item::ActiveModel {
    bulk_item::ActiveModel {
        operation_id: Set(row.operation_id.uuid()),
        number: Set(row.number),
        organization_id: Set(row.organization_id.uuid()),
        id: Set(row.execution_id.uuid()),
        status: Set(row.status.code()),
        start: Set(row.start.clone()),
        code: Set(row.code.clone()),
        message: Set(row.message.clone()),
    }
}

pub fn check(row: &BulkOperationRow) -> Result<(), StoreError> {
    check_texts([
        ("filter", Some(row.filter.as_str())),
        ("arguments", row.arguments.as_deref()),
        ("reason", Some(row.reason.as_str())),
    ])
}
