//! Workflows that are put away: archived, brought back, deleted with all that belongs to them.

use entity::workflow::{Column, Entity};
use entity::{event_trigger, execution, hook, schedule, schedule_backfill, schedule_run, workflow_version};
use ids::{OrganizationId, WorkflowId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::draft::changed;
use super::record::workflow_row;
use super::write::switch_triggers;
use crate::error::StoreError;
use crate::hooks::switch_hooks;
use crate::model::workflow::{WorkflowDeletion, WorkflowRow};
use crate::parts::replace_part_uses;
use crate::rules::replace_uses;
use crate::schedules::switch_managed;
use crate::store::Store;

impl Store {
    /// Hides a workflow, which nothing starts any more; what runs goes on. `None` when there is no such workflow, or
    /// it is archived already.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn archive_workflow(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        crate::clean::check_texts([("reason", reason.as_deref())])?;
        let transaction = self.backend.begin().await?;
        let models = changed(organization, id, None, now_ms)
            .col_expr(Column::IsEnabled, Expr::val(false))
            .col_expr(Column::DisabledReason, Expr::val("it is archived"))
            .col_expr(Column::ArchivedAtMs, Expr::val(now_ms))
            .col_expr(Column::ArchivedReason, Expr::val(reason))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(model) = models.into_iter().next() else { return Ok(None) };
        switch_hooks(&transaction, organization, id, false).await?;
        switch_triggers(&transaction, organization, id, false).await?;
        switch_managed(&transaction, organization, id, false, now_ms).await?;
        transaction.commit().await?;
        workflow_row(model).map(Some)
    }

    /// Brings an archived workflow back, disabled. `None` when there is no such workflow, or it is not archived.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn restore_workflow(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .col_expr(Column::ArchivedAtMs, Expr::val(None::<i64>))
            .col_expr(Column::ArchivedReason, Expr::val(None::<String>))
            .col_expr(Column::DisabledReason, Expr::val("it was archived"))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ArchivedAtMs.is_not_null())
            .filter(Column::DeletedAtMs.is_null());
        self.change(update).await
    }

    /// Deletes an archived workflow of which nothing runs: it is gone for everybody at once, its slug and its
    /// addresses are free, and what belongs to it goes bit by bit: see [`Self::purge_workflow`].
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_workflow(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        now_ms: i64,
    ) -> Result<WorkflowDeletion, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = Entity::update_many()
            .col_expr(Column::DeletedAtMs, Expr::val(now_ms))
            // No slug has this form, so it is in nobody's way.
            .col_expr(Column::Slug, Expr::val(format!("deleted:{id}")))
            .col_expr(Column::IdempotencyKey, Expr::val(None::<String>))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ArchivedAtMs.is_not_null())
            .filter(Column::DeletedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(WorkflowDeletion::NotArchived);
        }
        let live: Option<Uuid> = executions(organization, id)
            .filter(execution::Column::EndedAtMs.is_null())
            .into_tuple()
            .one(&*transaction)
            .await?;
        if live.is_some() {
            return Ok(WorkflowDeletion::HasLive);
        }
        hook::Entity::update_many()
            .col_expr(hook::Column::VersionId, Expr::val(None::<Uuid>))
            .filter(hook::Column::WorkflowId.eq(id.uuid()))
            .filter(hook::Column::OrganizationId.eq(organization.uuid()))
            .exec(&*transaction)
            .await?;
        // The rules that it named are nobody's because of it.
        replace_uses(&transaction, organization, id, Vec::new()).await?;
        replace_part_uses(&transaction, organization, id, Vec::new()).await?;
        transaction.commit().await?;
        Ok(WorkflowDeletion::Deleted)
    }

    /// Workflows that were deleted and are not gone yet. Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn deleted_workflows(&self, limit: u64) -> Result<Vec<(OrganizationId, WorkflowId)>, StoreError> {
        let found: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::OrganizationId, Column::Id])
            .filter(Column::DeletedAtMs.is_not_null())
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(self.backend.reads())
            .await?;
        let ids = |(organization, id)| (OrganizationId::from_uuid(organization), WorkflowId::from_uuid(id));
        Ok(found.into_iter().map(ids).collect())
    }

    /// Removes the rest of a deleted workflow, with its versions; false while there is an execution of it.
    ///
    /// # Errors
    /// When the database is away: then nothing was removed.
    pub async fn purge_workflow(&self, organization: OrganizationId, id: WorkflowId) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let on = &*transaction;
        let is_deleted = Entity::find_by_id(id.uuid())
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::DeletedAtMs.is_not_null());
        if is_deleted.one(on).await?.is_none() {
            return Ok(false);
        }
        let left: Option<Uuid> = executions(organization, id).into_tuple().one(on).await?;
        if left.is_some() {
            return Ok(false);
        }
        let own = Query::select()
            .column(schedule::Column::Id)
            .from(schedule::Entity)
            .and_where(schedule::Column::WorkflowId.eq(id.uuid()))
            .and_where(schedule::Column::OrganizationId.eq(organization.uuid()))
            .to_owned();
        let backfills = schedule_backfill::Column::ScheduleId.in_subquery(own.clone());
        schedule_backfill::Entity::delete_many().filter(backfills).exec(on).await?;
        schedule_run::Entity::delete_many().filter(schedule_run::Column::ScheduleId.in_subquery(own)).exec(on).await?;
        schedule::Entity::delete_many()
            .filter(schedule::Column::WorkflowId.eq(id.uuid()))
            .filter(schedule::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        hook::Entity::delete_many()
            .filter(hook::Column::WorkflowId.eq(id.uuid()))
            .filter(hook::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        event_trigger::Entity::delete_many()
            .filter(event_trigger::Column::WorkflowId.eq(id.uuid()))
            .filter(event_trigger::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        workflow_version::Entity::delete_many()
            .filter(workflow_version::Column::WorkflowId.eq(id.uuid()))
            .filter(workflow_version::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        let kept = Query::delete()
            .from_table(Alias::new("retention"))
            .and_where(Expr::col(Alias::new("scope_id")).eq(id.uuid()))
            .and_where(Expr::col(Alias::new("organization_id")).eq(organization.uuid()))
            .to_owned();
        on.execute(&kept).await?;
        Entity::delete_by_id(id.uuid()).exec(on).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// The id of an execution of the workflow.
fn executions(organization: OrganizationId, workflow: WorkflowId) -> sea_orm::Select<execution::Entity> {
    execution::Entity::find()
        .select_only()
        .column(execution::Column::Id)
        .filter(execution::Column::OrganizationId.eq(organization.uuid()))
        .filter(execution::Column::WorkflowId.eq(workflow.uuid()))
        .limit(1)
}
