//! What reconcilers do in the database: idempotent, bounded, safe in any number of processes at once.
//!
//! All of these serve all organizations.

use ids::{ExecutionId, OrganizationId, WorkerId};
use sqlx::types::Uuid;

use crate::backend::Backend;
use crate::error::StoreError;
use crate::model::execution::Runnable;
use crate::store::Store;

type RunnableRecord = (Uuid, Uuid, String, i16);

fn runnable((id, organization, queue, priority): RunnableRecord) -> Runnable {
    let organization = OrganizationId::from_uuid(organization);
    Runnable { id: ExecutionId::from_uuid(id), organization, queue, priority }
}

/// Runs a statement of the same meaning, and with the same parameters, on whichever database is in use.
macro_rules! on_either {
    ($store:expr, $name:literal, $($parameter:expr),+ $(,)?) => {
        match &*$store.backend {
            Backend::Postgres(postgres) => {
                sqlx::query_as(include_str!(concat!("reconcile/", $name, "_postgres.sql")))
                    $(.bind($parameter))+
                    .fetch_all(&postgres.updates)
                    .await?
            }
            Backend::Sqlite(sqlite) => {
                let _turn = sqlite.turn().await;
                sqlx::query_as(include_str!(concat!("reconcile/", $name, "_sqlite.sql")))
                    $(.bind($parameter))+
                    .fetch_all(&sqlite.write_pool)
                    .await?
            }
        }
    };
}

/// Most executions of lost workers taken back in one statement.
const MAX_LOST: i64 = 10_000;

impl Store {
    /// Takes back the executions of workers without a heartbeat since `silent_since_ms`; they are
    /// queued again. At most ten thousand at a time: call it again for the rest.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lost_workers(&self, silent_since_ms: i64, now_ms: i64) -> Result<Vec<Runnable>, StoreError> {
        let rows: Vec<RunnableRecord> = on_either!(self, "lost_workers", silent_since_ms, now_ms, MAX_LOST);
        if rows.is_empty() {
            self.forget_workers_silent_since(silent_since_ms).await?;
        }
        Ok(rows.into_iter().map(runnable).collect())
    }

    /// Takes back the executions of every worker but `worker`: for a process that knows that it is
    /// alone with its database.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lost_workers_but(&self, worker: WorkerId, now_ms: i64) -> Result<Vec<Runnable>, StoreError> {
        let rows: Vec<RunnableRecord> = on_either!(self, "other_workers", worker.uuid(), now_ms);
        Ok(rows.into_iter().map(runnable).collect())
    }

    /// Takes the time off up to `limit` waits that are due; the executions that they wake are
    /// queued again. Several waits may wake the same execution.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn due_waits(&self, now_ms: i64, limit: u64) -> Result<Vec<Runnable>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match &*self.backend {
            Backend::Postgres(postgres) => {
                let rows: Vec<RunnableRecord> = sqlx::query_as(include_str!("reconcile/due_waits_postgres.sql"))
                    .bind(now_ms)
                    .bind(limit)
                    .fetch_all(&postgres.updates)
                    .await?;
                Ok(rows.into_iter().map(runnable).collect())
            }
            Backend::Sqlite(sqlite) => {
                let _turn = sqlite.turn().await;
                let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
                let rows: Vec<RunnableRecord> = sqlx::query_as(include_str!("reconcile/due_waits_sqlite.sql"))
                    .bind(now_ms)
                    .bind(limit)
                    .fetch_all(&mut *transaction)
                    .await?;
                sqlx::query(include_str!("reconcile/due_waits_taken_sqlite.sql"))
                    .bind(now_ms)
                    .bind(limit)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                Ok(rows.into_iter().map(runnable).collect())
            }
        }
    }

    /// Up to `limit` executions that are queued and were last pushed before `pushed_before_ms`,
    /// longest ago first; they count as pushed at `now_ms` from now on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn stale_queued(
        &self,
        pushed_before_ms: i64,
        now_ms: i64,
        limit: u64,
    ) -> Result<Vec<Runnable>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<RunnableRecord> = on_either!(self, "stale_queued", pushed_before_ms, now_ms, limit);
        Ok(rows.into_iter().map(runnable).collect())
    }

    /// Queues one execution again if `worker` has it under `epoch`; `None` if it does not.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn hand_back(
        &self,
        worker: WorkerId,
        id: ExecutionId,
        epoch: i32,
        now_ms: i64,
    ) -> Result<Option<Runnable>, StoreError> {
        let rows: Vec<RunnableRecord> = on_either!(self, "hand_back", worker.uuid(), id.uuid(), epoch, now_ms);
        Ok(rows.into_iter().map(runnable).next())
    }

    /// Signs a worker off: what it still has is queued again; its row is kept for a while for people to see.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn release_worker(&self, worker: WorkerId, now_ms: i64) -> Result<Vec<Runnable>, StoreError> {
        let rows: Vec<RunnableRecord> = on_either!(self, "release_worker", worker.uuid(), now_ms);
        self.sign_off(worker, now_ms).await?;
        Ok(rows.into_iter().map(runnable).collect())
    }

    /// The executions that `worker` has, with the epoch of each claim.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claims_of(&self, worker: WorkerId) -> Result<Vec<(ExecutionId, i32)>, StoreError> {
        let rows: Vec<(Uuid, i32)> = match &*self.backend {
            Backend::Postgres(postgres) => {
                sqlx::query_as(include_str!("reconcile/claims_of_postgres.sql"))
                    .bind(worker.uuid())
                    .fetch_all(&postgres.updates)
                    .await?
            }
            Backend::Sqlite(sqlite) => {
                sqlx::query_as(include_str!("reconcile/claims_of_sqlite.sql"))
                    .bind(worker.uuid())
                    .fetch_all(&sqlite.read_pool)
                    .await?
            }
        };
        Ok(rows.into_iter().map(|(id, epoch)| (ExecutionId::from_uuid(id), epoch)).collect())
    }
}
