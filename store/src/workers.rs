//! Workers: their heartbeats, who is asked to drain, who signed off. The fleet is shared: these rows belong to no
//! organization.

use entity::worker::{ActiveModel, Column, Entity, Model};
use ids::WorkerId;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::worker::WorkerRow;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

/// For how long the row of a silent worker is kept for people to see, in milliseconds.
const KEEP_SILENT_MS: i64 = 60 * 60 * 1_000;

fn row(model: Model) -> WorkerRow {
    WorkerRow {
        id: WorkerId::from_uuid(model.id),
        name: model.name,
        // Written by `heartbeat` alone; another shape would be of another release, and is only shown.
        queues: serde_json::from_str(&model.queues).unwrap_or_else(|_other| vec![model.queues.clone()]),
        slots: model.slots,
        started_at_ms: model.started_at_ms,
        heartbeat_at_ms: model.heartbeat_at_ms,
        draining: model.draining,
        host: model.host,
        version: model.version,
        lease_ms: model.lease_ms,
        busy_slots: model.busy_slots,
        processed: model.processed,
        failed: model.failed,
        last_fetch_at_ms: model.last_fetch_at_ms,
        drain_asked_at_ms: model.drain_asked_at_ms,
        stopped_at_ms: model.stopped_at_ms,
    }
}

impl Store {
    /// Registers a worker or renews its heartbeat; when it started is kept from the first time.
    /// Answers whether somebody asked it to drain.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn heartbeat(&self, worker: WorkerRow) -> Result<bool, StoreError> {
        let texts = [&worker.name, &worker.host, &worker.version];
        check_texts(texts.map(|text| ("name", Some(text.as_str()))))?;
        check_texts(worker.queues.iter().map(|queue| ("queues", Some(queue.as_str()))))?;
        let new = ActiveModel {
            id: Set(worker.id.uuid()),
            name: Set(worker.name),
            queues: Set(serde_json::to_string(&worker.queues).expect("texts are JSON")),
            slots: Set(worker.slots),
            started_at_ms: Set(worker.started_at_ms),
            heartbeat_at_ms: Set(worker.heartbeat_at_ms),
            draining: Set(worker.draining),
            host: Set(worker.host),
            version: Set(worker.version),
            lease_ms: Set(worker.lease_ms),
            busy_slots: Set(worker.busy_slots),
            processed: Set(worker.processed),
            failed: Set(worker.failed),
            last_fetch_at_ms: Set(worker.last_fetch_at_ms),
            drain_asked_at_ms: NotSet,
            stopped_at_ms: NotSet,
        };
        let renewed = [
            Column::Name,
            Column::Queues,
            Column::Slots,
            Column::HeartbeatAtMs,
            Column::Draining,
            Column::LeaseMs,
            Column::BusySlots,
            Column::Processed,
            Column::Failed,
            Column::LastFetchAtMs,
        ];
        let renew = OnConflict::column(Column::Id).update_columns(renewed).to_owned();
        let transaction = self.backend.begin().await?;
        let written = Entity::insert(new).on_conflict(renew).exec_with_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(written.drain_asked_at_ms.is_some())
    }

    /// A page of the workers, newest first unless the request says otherwise; those that fell silent or signed off
    /// stay in it for an hour.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workers(&self, request: &PageRequest) -> Result<Page<WorkerRow>, StoreError> {
        let sort = Sort { key: None, table: "worker", direction: Direction::Descending };
        let cursor = |row: &WorkerRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        page::read(self.backend.reads(), Entity::find(), &sort, request, |model: Model| Ok(row(model)), cursor).await
    }

    /// How many rows [`Store::workers`] has, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_workers(&self) -> Result<(u64, bool), StoreError> {
        page::count(self.backend.reads(), Entity::find()).await
    }

    /// Several workers, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workers_by_ids(&self, ids: &[WorkerId]) -> Result<Vec<WorkerRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let known = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        Ok(known.all(self.backend.reads()).await?.into_iter().map(row).collect())
    }

    /// Workers that have not signed off and whose lease holds at `now_ms`, up to `limit`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn live_workers(&self, now_ms: i64, limit: u64) -> Result<Vec<WorkerRow>, StoreError> {
        let holds = Expr::col(Column::HeartbeatAtMs).add(Expr::col(Column::LeaseMs)).gte(now_ms);
        let live = Entity::find().filter(Column::StoppedAtMs.is_null()).filter(holds);
        let models = live.order_by_desc(Column::Id).limit(limit).all(self.backend.reads()).await?;
        Ok(models.into_iter().map(row).collect())
    }

    /// Asks a worker to take no more work and end; its next heartbeat tells it. Asking again changes nothing.
    /// The row as it is then; `None` when there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ask_to_drain(&self, worker: WorkerId, now_ms: i64) -> Result<Option<WorkerRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::update_many()
            .col_expr(Column::DrainAskedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(worker.uuid()))
            .filter(Column::DrainAskedAtMs.is_null())
            .filter(Column::StoppedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        let asked = Entity::find_by_id(worker.uuid()).one(&*transaction).await?;
        transaction.commit().await?;
        Ok(asked.map(row))
    }

    pub(crate) async fn sign_off(&self, worker: WorkerId, now_ms: i64) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::update_many()
            .col_expr(Column::StoppedAtMs, Expr::val(now_ms))
            .col_expr(Column::BusySlots, Expr::val(0))
            .filter(Column::Id.eq(worker.uuid()))
            .exec(&*transaction)
            .await?;
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
