//! What people change about schedules.

use entity::schedule::{Column, Entity};
use entity::{schedule_backfill, schedule_run};
use ids::{OrganizationId, ScheduleId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::record::{check, run_model, schedule_model, schedule_row};
use crate::error::StoreError;
use crate::model::schedule::{ScheduleRow, ScheduleRunRow};
use crate::organizations;
use crate::store::Store;

impl Store {
    /// Records a schedule, unless there is one with its idempotency key: that one is the answer then, and false.
    /// `None` when the organization is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_schedule(&self, row: ScheduleRow) -> Result<Option<(ScheduleRow, bool)>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(None);
        }
        let (organization, key) = (row.organization_id, row.idempotency_key.clone());
        let nothing = OnConflict::columns([Column::OrganizationId, Column::IdempotencyKey]).do_nothing().to_owned();
        let insert = Entity::insert(schedule_model(row.clone())).on_conflict(nothing);
        let is_new = insert.exec_without_returning(&*transaction).await? > 0;
        let known = match key {
            Some(key) if !is_new => {
                Entity::find()
                    .filter(Column::OrganizationId.eq(organization.uuid()))
                    .filter(Column::IdempotencyKey.eq(key))
                    .one(&*transaction)
                    .await?
            }
            _new => None,
        };
        transaction.commit().await?;
        Ok(Some(known.map_or((row, true), |model| (schedule_row(model), false))))
    }

    /// Writes what people may change, if the schedule is at `expected_revision`; answers it as it is then. When
    /// `is_retimed`, the moments at which it fires are written too, else they stay.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_schedule(
        &self,
        row: ScheduleRow,
        expected_revision: i32,
        is_retimed: bool,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        let mut update = Entity::update_many()
            .col_expr(Column::Name, Expr::val(row.name))
            .col_expr(Column::Description, Expr::val(row.description))
            .col_expr(Column::Timing, Expr::val(row.timing))
            .col_expr(Column::Input, Expr::val(row.input))
            .col_expr(Column::PausedAtMs, Expr::val(row.paused_at_ms))
            .col_expr(Column::PausedReason, Expr::val(row.paused_reason))
            .col_expr(Column::PausedBy, Expr::val(row.paused_by))
            .col_expr(Column::PauseAfter, Expr::val(row.pause_after))
            .col_expr(Column::Revision, Expr::val(expected_revision + 1))
            .col_expr(Column::UpdatedAtMs, Expr::val(row.updated_at_ms));
        if is_retimed {
            update = update
                .col_expr(Column::TimedAtMs, Expr::val(row.timed_at_ms))
                .col_expr(Column::DueMs, Expr::val(row.due_ms))
                .col_expr(Column::NextAtMs, Expr::val(row.next_at_ms))
                .col_expr(Column::WakeAtMs, Expr::val(row.wake_at_ms));
        }
        let models = update
            .filter(Column::Id.eq(row.id.uuid()))
            .filter(Column::OrganizationId.eq(row.organization_id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(models.into_iter().next().map(schedule_row))
    }

    /// Deletes a schedule with its history, unless it belongs to a definition; false when there is none such.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_schedule(&self, organization: OrganizationId, id: ScheduleId) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::TriggerOrdinal.is_null())
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected > 0 {
            schedule_run::Entity::delete_many()
                .filter(schedule_run::Column::ScheduleId.eq(id.uuid()))
                .filter(schedule_run::Column::OrganizationId.eq(organization.uuid()))
                .exec(&*transaction)
                .await?;
            schedule_backfill::Entity::delete_many()
                .filter(schedule_backfill::Column::ScheduleId.eq(id.uuid()))
                .filter(schedule_backfill::Column::OrganizationId.eq(organization.uuid()))
                .exec(&*transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Records what came of a point in time that nobody planned; one that is known stays as it is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn insert_schedule_run(&self, run: &ScheduleRunRow) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        // The schedule before its runs, as everybody locks them.
        let own = Entity::update_many()
            .col_expr(Column::UpdatedAtMs, touched(run.fired_at_ms.unwrap_or(run.scheduled_for_ms)))
            .filter(Column::Id.eq(run.schedule_id.uuid()))
            .filter(Column::OrganizationId.eq(run.organization_id.uuid()))
            .exec(&*transaction)
            .await?;
        if own.rows_affected == 0 {
            return Ok(());
        }
        let nothing = OnConflict::columns([schedule_run::Column::ScheduleId, schedule_run::Column::ScheduledForMs])
            .do_nothing()
            .to_owned();
        schedule_run::Entity::insert(run_model(run)).on_conflict(nothing).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }
}

/// That something came of a schedule: another number each time, also in the same millisecond.
pub(super) fn touched(at_ms: i64) -> Expr {
    Expr::case(Column::UpdatedAtMs.lt(at_ms), at_ms).finally(Column::UpdatedAtMs.into_expr().add(1_i64)).into()
}
