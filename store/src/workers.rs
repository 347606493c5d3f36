//! Workers' heartbeats. The fleet is shared: these rows belong to no organization.

use entity::worker::{ActiveModel, Column, Entity};
use ids::WorkerId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::backend::Backend;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::worker::WorkerRow;
use crate::store::Store;

/// For how long the row of a silent worker is kept for people to see, in milliseconds.
const KEEP_SILENT_MS: i64 = 60 * 60 * 1_000;

impl Store {
    /// Registers a worker or renews its heartbeat; when it started is kept from the first time.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn heartbeat(&self, worker: WorkerRow) -> Result<(), StoreError> {
        check_texts([("name", Some(worker.name.as_str()))])?;
        check_texts(worker.queues.iter().map(|queue| ("queues", Some(queue.as_str()))))?;
        let new = ActiveModel {
            id: Set(worker.id.uuid()),
            name: Set(worker.name),
            queues: Set(serde_json::to_string(&worker.queues).expect("texts are JSON")),
            slots: Set(worker.slots),
            started_at_ms: Set(worker.started_at_ms),
            heartbeat_at_ms: Set(worker.heartbeat_at_ms),
            draining: Set(worker.draining),
        };
        let renewed = [Column::Name, Column::Queues, Column::Slots, Column::HeartbeatAtMs, Column::Draining];
        let renew = OnConflict::column(Column::Id).update_columns(renewed).to_owned();
        let insert = Entity::insert(new).on_conflict(renew);
        match &*self.backend {
            // A connection of its own: whatever else waits for the database, this does not wait behind it.
            Backend::Postgres(postgres) => {
                insert.exec_without_returning(&postgres.renewals).await?;
                Ok(())
            }
            Backend::Sqlite(_) => {
                let transaction = self.backend.begin().await?;
                insert.exec_without_returning(&*transaction).await?;
                transaction.commit().await
            }
        }
    }

    pub(crate) async fn forget_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::delete_by_id(worker.uuid()).exec(&*transaction).await?;
        transaction.commit().await
    }

    /// Removes rows of workers that have been silent for long; a worker that was only cut off
    /// writes its row again.
    pub(crate) async fn forget_workers_silent_since(&self, silent_since_ms: i64) -> Result<(), StoreError> {
        let is_old = Column::HeartbeatAtMs.lt(silent_since_ms.saturating_sub(KEEP_SILENT_MS));
        // Looked for first: this runs on every tick, and there is nearly never one.
        if Entity::find().filter(is_old.clone()).one(self.backend.reads()).await?.is_none() {
            return Ok(());
        }
        let transaction = self.backend.begin().await?;
        Entity::delete_many().filter(is_old).exec(&*transaction).await?;
        transaction.commit().await
    }
}
