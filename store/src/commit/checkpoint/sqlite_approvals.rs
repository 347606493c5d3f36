//! What a checkpoint writes of approvals, row by row.

use sqlx::sqlite::SqliteConnection;
use sqlx::types::Uuid;

use crate::error::StoreError;
use crate::model::approval::{ApprovalChange, ApprovalStatus, NewApproval};
use crate::model::execution::Checkpoint;

pub async fn write(connection: &mut SqliteConnection, item: &Checkpoint) -> Result<(), StoreError> {
    for new in &item.approvals.opened {
        open(connection, item, new).await?;
    }
    for change in &item.approvals.changed {
        self::change(connection, item, change).await?;
    }
    if item.approvals.withdraws_all {
        let open: Vec<(Uuid,)> = sqlx::query_as(include_str!("sqlite_approvals_open.sql"))
            .bind(item.execution_id.uuid())
            .fetch_all(&mut *connection)
            .await?;
        for (id,) in open {
            let id = ids::ApprovalId::from_uuid(id);
            let status = Some(ApprovalStatus::Cancelled);
            let change = ApprovalChange { status, ..ApprovalChange::of(id, item.at_ms) };
            self::change(connection, item, &change).await?;
        }
    }
    for noted in &item.approvals.noted {
        note(connection, item, noted.id.uuid(), noted.kind, noted.detail.as_deref(), noted.at_ms).await?;
    }
    Ok(())
}

async fn open(connection: &mut SqliteConnection, item: &Checkpoint, new: &NewApproval) -> Result<(), StoreError> {
    let id = new.id.uuid();
    sqlx::query(include_str!("sqlite_approval_open.sql"))
        .bind(item.execution_id.uuid())
        .bind(item.organization_id.uuid())
        .bind(id)
        .bind(&new.step_path)
        .bind(new.status.code())
        .bind(&new.request)
        .bind(&new.entity)
        .bind(&new.entity_id)
        .bind(new.quorum)
        .bind(new.allow_self)
        .bind(new.requested_at_ms)
        .bind(new.expires_at_ms)
        .bind(new.remind_at_ms)
        .bind(new.escalate_at_ms)
        .bind(&new.escalated_role)
        .bind(new.mail_at_ms)
        .execute(&mut *connection)
        .await?;
    for assignee in &new.assignees {
        assign(connection, item, id, assignee).await?;
    }
    if let Some(role) = &new.escalated_role {
        assign(connection, item, id, &format!("role:{role}")).await?;
    }
    note(connection, item, id, "requested", None, new.requested_at_ms).await?;
    close(connection, item, id, Some(new.status), new.requested_at_ms).await
}

/// Notes that it was closed, if it was.
async fn close(
    connection: &mut SqliteConnection,
    item: &Checkpoint,
    id: Uuid,
    status: Option<ApprovalStatus>,
    at_ms: i64,
) -> Result<(), StoreError> {
    match status {
        Some(ApprovalStatus::Expired) => note(connection, item, id, "expired", None, at_ms).await,
        Some(ApprovalStatus::Cancelled) => note(connection, item, id, "cancelled", None, at_ms).await,
        Some(ApprovalStatus::Pending | ApprovalStatus::Approved | ApprovalStatus::Rejected) | None => Ok(()),
    }
}

async fn change(
    connection: &mut SqliteConnection,
    item: &Checkpoint,
    change: &ApprovalChange,
) -> Result<(), StoreError> {
    let id = change.id.uuid();
    let changed = sqlx::query(include_str!("sqlite_approval_change.sql"))
        .bind(id)
        .bind(item.organization_id.uuid())
        .bind(change.status.map(ApprovalStatus::code))
        .bind(change.at_ms)
        .bind(&change.escalated_role)
        .bind(change.remind_at_ms)
        .bind(change.times.is_some())
        .bind(change.times.and_then(|times| times.expires_at_ms))
        .bind(change.times.and_then(|times| times.remind_at_ms))
        .bind(change.times.and_then(|times| times.escalate_at_ms))
        .bind(change.mail_at_ms)
        .execute(&mut *connection)
        .await?;
    if let Some(role) = &change.escalated_role {
        assign(connection, item, id, &format!("role:{role}")).await?;
    }
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    close(connection, item, id, change.status, change.at_ms).await
}

async fn assign(
    connection: &mut SqliteConnection,
    item: &Checkpoint,
    id: Uuid,
    assignee: &str,
) -> Result<(), StoreError> {
    sqlx::query(include_str!("sqlite_approval_assign.sql"))
        .bind(item.organization_id.uuid())
        .bind(id)
        .bind(assignee)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn note(
    connection: &mut SqliteConnection,
    item: &Checkpoint,
    id: Uuid,
    kind: &str,
    detail: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(include_str!("sqlite_approval_note.sql"))
        .bind(item.organization_id.uuid())
        .bind(id)
        .bind(kind)
        .bind(detail)
        .bind(at_ms)
        .execute(&mut *connection)
        .await?;
    Ok(())
}
