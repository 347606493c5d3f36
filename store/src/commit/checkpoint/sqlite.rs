//! One transaction for a whole group.

use sqlx::sqlite::SqliteConnection;

use super::columns::Columns;
use super::sqlite_approvals;
use crate::backend::Sqlite;
use crate::commit::rollup::Rollups;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome, ExecutionStatus};
use crate::model::failure::NewFailure;

pub async fn write(sqlite: &Sqlite, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let _turn = sqlite.turn().await;
    let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
    let mut outcomes = Vec::with_capacity(items.len());
    let mut rollups = Rollups::default();
    for item in items {
        outcomes.push(write_one(&mut transaction, item, &mut rollups).await?);
    }
    rollups.write(&mut transaction).await?;
    crate::crash::point("checkpoint.in_transaction");
    transaction.commit().await?;
    crate::crash::point("checkpoint.committed");
    Ok(outcomes)
}

async fn write_one(
    connection: &mut SqliteConnection,
    item: &Checkpoint,
    rollups: &mut Rollups,
) -> Result<CommitOutcome, StoreError> {
    let patch = Columns::of(&item.patch);
    let written: Option<(i32,)> = sqlx::query_as(include_str!("sqlite.sql"))
        .bind(item.execution_id.uuid())
        .bind(item.organization_id.uuid())
        .bind(item.worker_id.uuid())
        .bind(item.epoch)
        .bind(item.seq)
        .bind(item.at_ms)
        .bind(&item.decision)
        .bind(patch.status)
        .bind(patch.state)
        .bind(patch.result)
        .bind(patch.error_code)
        .bind(patch.error_message)
        .bind(patch.failed_step)
        .bind(patch.wake_at_ms)
        .bind(i64::try_from(item.taken.len()).unwrap_or(i64::MAX))
        .bind(item.told_at_most)
        .bind(patch.paused_at_ms)
        .bind(item.deadline.column())
        .bind(item.measures.failure().map(|failure| failure.fingerprint.as_str()))
        .fetch_optional(&mut *connection)
        .await?;
    let Some((signals,)) = written else { return Ok(CommitOutcome::Fenced) };
    rollups.add(item.organization_id, item.workflow_id, item.at_ms, &item.measures);
    if let Some(failure) = item.measures.failure() {
        cause(connection, item, failure).await?;
    }
    let seq = item.seq + 1;
    sqlx::query(include_str!("../sqlite_journal.sql"))
        .bind(item.organization_id.uuid())
        .bind(item.execution_id.uuid())
        .bind(seq)
        .bind(item.epoch)
        .bind(&item.events)
        .bind(item.at_ms)
        .execute(&mut *connection)
        .await?;
    if patch.status != ExecutionStatus::Running.code() || !patch.waits.is_empty() {
        sqlx::query(include_str!("sqlite_unwait.sql")).bind(item.execution_id.uuid()).execute(&mut *connection).await?;
    }
    for wait in patch.waits {
        sqlx::query(include_str!("sqlite_wait.sql"))
            .bind(item.organization_id.uuid())
            .bind(item.execution_id.uuid())
            .bind(&wait.step_path)
            .bind(&wait.kind)
            .bind(wait.due_at_ms)
            .bind(&wait.event)
            .bind(&wait.correlation)
            .bind(&wait.keys)
            .bind(&wait.target)
            .execute(&mut *connection)
            .await?;
    }
    take_and_send(connection, item).await?;
    if !item.approvals.is_empty() {
        sqlite_approvals::write(connection, item).await?;
    }
    Ok(CommitOutcome::Committed { seq, signals })
}

/// Signals that were taken in go; those for others come.
async fn take_and_send(connection: &mut SqliteConnection, item: &Checkpoint) -> Result<(), StoreError> {
    if !item.taken.is_empty() {
        let taken = serde_json::to_string(&item.taken).expect("numbers are JSON");
        sqlx::query(include_str!("sqlite_taken.sql"))
            .bind(item.execution_id.uuid())
            .bind(taken)
            .execute(&mut *connection)
            .await?;
    }
    for signal in &item.sends {
        sqlx::query(include_str!("sqlite_send.sql"))
            .bind(signal.organization_id.uuid())
            .bind(signal.execution_id.uuid())
            .bind(&signal.data)
            .bind(item.at_ms)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A cause that nobody has seen before.
async fn cause(connection: &mut SqliteConnection, item: &Checkpoint, failure: &NewFailure) -> Result<(), StoreError> {
    sqlx::query(include_str!("sqlite_cause.sql"))
        .bind(failure.group.uuid())
        .bind(item.organization_id.uuid())
        .bind(item.workflow_id.uuid())
        .bind(&failure.fingerprint)
        .bind(&failure.step)
        .bind(&failure.code)
        .bind(&failure.message)
        .bind(item.execution_id.uuid())
        .bind(item.at_ms)
        .execute(&mut *connection)
        .await?;
    Ok(())
}
