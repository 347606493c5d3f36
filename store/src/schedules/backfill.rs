//! Past points in time of a schedule that somebody makes up for.

use std::collections::HashMap;

use entity::schedule_backfill::{ActiveModel, Column, Entity, Model};
use entity::{schedule, schedule_run};
use ids::{BackfillId, OrganizationId, ScheduleId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::record::run_model;
use super::write::touched;
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::schedule::{BackfillProgress, BackfillRow, ScheduleRunRow, ScheduleRunState};
use crate::store::Store;

/// Rows in one statement: SQLite takes 32,766 parameters.
const ROWS: usize = 2_000;

fn row(model: Model) -> BackfillRow {
    BackfillRow {
        id: BackfillId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        schedule_id: ScheduleId::from_uuid(model.schedule_id),
        from_ms: model.from_ms,
        to_ms: model.to_ms,
        overlap: model.overlap,
        total: model.total,
        known: model.known,
        reason: model.reason,
        created_by: model.created_by,
        created_at_ms: model.created_at_ms,
    }
}

impl Store {
    /// Records past points in time that are to be made up for, and that somebody asked for it, in one transaction:
    /// they are started by whoever looks at the schedule next. Those that were started before, or wait already, are
    /// left out; those of which nothing came get another chance. None when there is no such schedule.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then nothing was recorded.
    pub async fn insert_backfill(
        &self,
        backfill: BackfillRow,
        runs: &[ScheduleRunRow],
    ) -> Result<Option<BackfillRow>, StoreError> {
        check_texts([("reason", Some(backfill.reason.as_str()))])?;
        let transaction = self.backend.begin().await?;
        // Locked, as by whoever fires it: nobody else records its points in time meanwhile.
        let known = schedule::Entity::find_by_id(backfill.schedule_id.uuid())
            .filter(schedule::Column::OrganizationId.eq(backfill.organization_id.uuid()))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        if known.is_none() {
            return Ok(None);
        }
        let added = insert_runs(&transaction, runs).await?;
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let backfill = BackfillRow { total: count(added), known: count(runs.len() - added), ..backfill };
        let model = ActiveModel {
            id: Set(backfill.id.uuid()),
            organization_id: Set(backfill.organization_id.uuid()),
            schedule_id: Set(backfill.schedule_id.uuid()),
            from_ms: Set(backfill.from_ms),
            to_ms: Set(backfill.to_ms),
            overlap: Set(backfill.overlap.clone()),
            total: Set(backfill.total),
            known: Set(backfill.known),
            reason: Set(backfill.reason.clone()),
            created_by: Set(backfill.created_by.clone()),
            created_at_ms: Set(backfill.created_at_ms),
        };
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        schedule::Entity::update_many()
            .col_expr(schedule::Column::WakeAtMs, Expr::val(backfill.created_at_ms))
            .col_expr(schedule::Column::UpdatedAtMs, touched(backfill.created_at_ms))
            .filter(schedule::Column::Id.eq(backfill.schedule_id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(backfill))
    }

    /// How many of these points in time were started before, or wait already.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_known_times(
        &self,
        organization: OrganizationId,
        schedule: ScheduleId,
        times_ms: &[i64],
    ) -> Result<u64, StoreError> {
        use schedule_run::Column;
        let mut known = 0;
        for part in times_ms.chunks(ROWS) {
            let found: Option<i64> = schedule_run::Entity::find()
                .select_only()
                .column_as(Column::Id.count(), "known")
                .filter(Column::OrganizationId.eq(organization.uuid()))
                .filter(Column::ScheduleId.eq(schedule.uuid()))
                .filter(Column::ScheduledForMs.is_in(part.iter().copied()))
                .filter(Column::State.is_not_in(NOTHING_CAME))
                .into_tuple()
                .one(&self.backend.reads_of(organization))
                .await?;
            known += u64::try_from(found.unwrap_or(0)).unwrap_or(0);
        }
        Ok(known)
    }

    /// Backfills of a schedule, newest first; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn backfills(
        &self,
        organization: OrganizationId,
        schedule: ScheduleId,
        limit: u64,
    ) -> Result<Vec<BackfillRow>, StoreError> {
        let rows = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ScheduleId.eq(schedule.uuid()))
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// How far backfills are. Those of which no point in time is left are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn backfill_progress(
        &self,
        organization: OrganizationId,
        ids: &[BackfillId],
    ) -> Result<HashMap<BackfillId, BackfillProgress>, StoreError> {
        use schedule_run::Column;
        let mut found: HashMap<BackfillId, BackfillProgress> = HashMap::new();
        if ids.is_empty() {
            return Ok(found);
        }
        let counts: Vec<(uuid::Uuid, i16, i64)> = schedule_run::Entity::find()
            .select_only()
            .column(Column::BackfillId)
            .column(Column::State)
            .column_as(Column::Id.count(), "runs")
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::BackfillId.is_in(ids.iter().map(|id| id.uuid())))
            .group_by(Column::BackfillId)
            .group_by(Column::State)
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        for (id, state, count) in counts {
            let progress = found.entry(BackfillId::from_uuid(id)).or_default();
            let count = u64::try_from(count).unwrap_or(0);
            match ScheduleRunState::try_from(state)? {
                ScheduleRunState::Planned | ScheduleRunState::Buffered => progress.waiting += count,
                ScheduleRunState::Started => progress.started += count,
                ScheduleRunState::Failed | ScheduleRunState::SkippedOverlap | ScheduleRunState::Missed => {
                    progress.failed += count;
                }
            }
        }
        Ok(found)
    }
}

/// States of points in time that nothing came of.
const NOTHING_CAME: [i16; 3] =
    [ScheduleRunState::SkippedOverlap.code(), ScheduleRunState::Missed.code(), ScheduleRunState::Failed.code()];

/// How many were added: new ones, and those of which nothing had come.
async fn insert_runs(transaction: &WriteTransaction, runs: &[ScheduleRunRow]) -> Result<usize, StoreError> {
    use schedule_run::Column;
    let mut added = 0;
    for part in runs.chunks(ROWS) {
        let again = OnConflict::columns([Column::ScheduleId, Column::ScheduledForMs])
            .update_columns([
                Column::State,
                Column::Kind,
                Column::ExecutionId,
                Column::Note,
                Column::IsOpen,
                Column::FiredAtMs,
                Column::BackfillId,
            ])
            .action_and_where(Expr::col((schedule_run::Entity, Column::State)).is_in(NOTHING_CAME))
            .to_owned();
        let insert = schedule_run::Entity::insert_many(part.iter().map(run_model)).on_conflict(again);
        let statement = sea_orm::QueryTrait::into_query(insert).returning_col(Column::Id).to_owned();
        added += transaction.query_all(&statement).await?.len();
    }
    Ok(added)
}
