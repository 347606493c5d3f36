//! One transaction for a whole group.

use sqlx::sqlite::SqliteConnection;

use super::columns::Columns;
use crate::backend::Sqlite;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome, ExecutionStatus};

pub async fn write(sqlite: &Sqlite, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let _turn = sqlite.turn().await;
    let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
    let mut outcomes = Vec::with_capacity(items.len());
    for item in items {
        outcomes.push(write_one(&mut transaction, item).await?);
    }
    transaction.commit().await?;
    Ok(outcomes)
}

async fn write_one(connection: &mut SqliteConnection, item: &Checkpoint) -> Result<CommitOutcome, StoreError> {
    let patch = Columns::of(&item.patch);
    let written = sqlx::query(include_str!("sqlite.sql"))
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
        .execute(&mut *connection)
        .await?;
    if written.rows_affected() == 0 {
        return Ok(CommitOutcome::Fenced);
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
    if patch.status != ExecutionStatus::Running.code() {
        sqlx::query(include_str!("sqlite_unwait.sql")).bind(item.execution_id.uuid()).execute(&mut *connection).await?;
    }
    for wait in patch.waits {
        sqlx::query(include_str!("sqlite_wait.sql"))
            .bind(item.organization_id.uuid())
            .bind(item.execution_id.uuid())
            .bind(&wait.step_path)
            .bind(&wait.kind)
            .bind(wait.due_at_ms)
            .execute(&mut *connection)
            .await?;
    }
    Ok(CommitOutcome::Committed { seq })
}
