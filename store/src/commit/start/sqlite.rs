//! One transaction for a whole group.

use ids::{EventId, ExecutionId};
use sqlx::sqlite::SqliteConnection;
use sqlx::types::Uuid;

use super::{KEY_LIFE_MS, Standing, Written, labels_json};
use crate::backend::Sqlite;
use crate::error::StoreError;
use crate::model::execution::{NewExecution, StartKey};

/// Records `given`; returns what was not recorded, and why.
pub async fn write(sqlite: &Sqlite, given: &[&NewExecution]) -> Result<Written, StoreError> {
    let _turn = sqlite.turn().await;
    let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
    let mut written = Written::default();
    for item in given {
        if item.awaited && !has_live_parent(&mut transaction, item).await? {
            written.forsaken.insert(item.id);
            continue;
        }
        let known = match &item.start_key {
            Some(start_key) => reserve(&mut transaction, item, start_key).await?,
            None => None,
        };
        match (known, &item.start_key) {
            (Some(known), Some(start_key)) => {
                written.standing.insert((item.organization_id, start_key.key.clone()), known);
            }
            _new => record(&mut transaction, item).await?,
        }
    }
    transaction.commit().await?;
    Ok(written)
}

/// Whether the execution that starts `item` has not ended.
async fn has_live_parent(connection: &mut SqliteConnection, item: &NewExecution) -> Result<bool, StoreError> {
    let live: Option<(i64,)> = sqlx::query_as(include_str!("sqlite_live_parent.sql"))
        .bind(item.parent_id.map(ExecutionId::uuid))
        .bind(item.organization_id.uuid())
        .fetch_optional(&mut *connection)
        .await?;
    Ok(live.is_some())
}

/// Takes the key for `item`, unless another execution has it.
async fn reserve(
    connection: &mut SqliteConnection,
    item: &NewExecution,
    start_key: &StartKey,
) -> Result<Option<Standing>, StoreError> {
    let reserved = sqlx::query(include_str!("sqlite_key.sql"))
        .bind(item.organization_id.uuid())
        .bind(&start_key.key)
        .bind(item.id.uuid())
        .bind(&start_key.fingerprint)
        .bind(item.queued_at_ms)
        .bind(KEY_LIFE_MS)
        .execute(&mut *connection)
        .await?;
    if reserved.rows_affected() > 0 {
        return Ok(None);
    }
    let (execution, fingerprint): (Uuid, String) = sqlx::query_as(include_str!("sqlite_known_key.sql"))
        .bind(item.organization_id.uuid())
        .bind(&start_key.key)
        .fetch_one(&mut *connection)
        .await?;
    Ok(Some((ExecutionId::from_uuid(execution), fingerprint)))
}

async fn record(connection: &mut SqliteConnection, item: &NewExecution) -> Result<(), StoreError> {
    sqlx::query(include_str!("sqlite_execution.sql"))
        .bind(item.id.uuid())
        .bind(item.organization_id.uuid())
        .bind(item.workflow_id.uuid())
        .bind(item.version_id.uuid())
        .bind(item.version_number)
        .bind(&item.key)
        .bind(item.priority)
        .bind(&item.queue)
        .bind(item.trigger_type.code())
        .bind(&item.trigger)
        .bind(item.event_id.map(EventId::uuid))
        .bind(&item.started_by)
        .bind(&item.input)
        .bind(labels_json(item))
        .bind(item.start_key.as_ref().map(|start_key| &start_key.key))
        .bind(item.queued_at_ms)
        .bind(item.deadline_at_ms)
        .bind(item.depth)
        .bind(item.parent_id.map(ExecutionId::uuid))
        .bind(item.rerun_of.map(ExecutionId::uuid))
        .bind(&item.rules)
        .bind(item.awaited)
        .execute(&mut *connection)
        .await?;
    sqlx::query(include_str!("../sqlite_journal.sql"))
        .bind(item.organization_id.uuid())
        .bind(item.id.uuid())
        .bind(1)
        .bind(0)
        .bind(&item.events)
        .bind(item.queued_at_ms)
        .execute(&mut *connection)
        .await?;
    for label in &item.labels {
        sqlx::query(include_str!("sqlite_label.sql"))
            .bind(item.organization_id.uuid())
            .bind(&label.name)
            .bind(&label.value)
            .bind(item.id.uuid())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
