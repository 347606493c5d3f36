//! Saves drafts and switches workflows on and off.

use entity::event_trigger;
use entity::workflow::{ActiveModel, Column, Entity, Model};
use ids::{OrganizationId, WorkflowId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::record::workflow_row;
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::hooks::switch_hooks;
use crate::model::workflow::{NewWorkflow, WorkflowRow};
use crate::schedules::switch_managed;
use crate::store::Store;

impl Store {
    /// Saves a draft: of a new workflow, or of the one with this slug, which stays in its folder.
    ///
    /// # Errors
    /// `Invalid`, `Conflict`, or the database is away.
    pub async fn upsert_draft(&self, new: NewWorkflow) -> Result<WorkflowRow, StoreError> {
        check(&new)?;
        let transaction = self.backend.begin().await?;
        let model = save_draft(&transaction, new).await?;
        transaction.commit().await?;
        workflow_row(model)
    }

    /// Puts a workflow into another folder; `None` if the organization has none such.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn set_namespace(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        namespace: String,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        check_texts([("namespace", Some(namespace.as_str()))])?;
        let transaction = self.backend.begin().await?;
        let models = Entity::update_many()
            .col_expr(Column::Namespace, Expr::val(namespace))
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        models.into_iter().next().map(workflow_row).transpose()
    }

    /// Lets triggers and callers start the workflow, or keeps them from it; `None` if the
    /// organization has none such.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn set_enabled(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        is_enabled: bool,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        check_texts([("reason", reason.as_deref())])?;
        let transaction = self.backend.begin().await?;
        let models = Entity::update_many()
            .col_expr(Column::IsEnabled, Expr::val(is_enabled))
            .col_expr(Column::DisabledReason, Expr::val(reason.filter(|_| !is_enabled)))
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(model) = models.into_iter().next() else { return Ok(None) };
        switch_hooks(&transaction, organization, id, is_enabled).await?;
        event_trigger::Entity::update_many()
            .col_expr(event_trigger::Column::IsEnabled, Expr::val(is_enabled))
            .filter(event_trigger::Column::WorkflowId.eq(id.uuid()))
            .filter(event_trigger::Column::OrganizationId.eq(organization.uuid()))
            .exec(&*transaction)
            .await?;
        switch_managed(&transaction, organization, id, is_enabled, now_ms).await?;
        transaction.commit().await?;
        workflow_row(model).map(Some)
    }
}

pub fn check(new: &NewWorkflow) -> Result<(), StoreError> {
    check_texts([
        ("slug", Some(new.slug.as_str())),
        ("name", Some(new.name.as_str())),
        ("description", new.description.as_deref()),
        ("namespace", Some(new.namespace.as_str())),
        ("draft_source", Some(new.draft_source.as_str())),
        ("draft_format", Some(new.draft_format.as_str())),
        ("actor", Some(new.actor.as_str())),
    ])
}

/// Saves a draft and locks the workflow until the transaction is over.
pub async fn save_draft(transaction: &WriteTransaction, new: NewWorkflow) -> Result<Model, StoreError> {
    let tags = serde_json::to_string(&new.tags).expect("texts are JSON");
    let model = ActiveModel {
        id: Set(new.id.uuid()),
        organization_id: Set(new.organization_id.uuid()),
        slug: Set(new.slug),
        name: Set(new.name),
        description: Set(new.description),
        namespace: Set(new.namespace),
        tags: Set(tags),
        // There is nothing to start before something is published.
        is_enabled: Set(false),
        disabled_reason: Set(None),
        revision: Set(1),
        draft_source: Set(Some(new.draft_source)),
        draft_format: Set(Some(new.draft_format)),
        published_version_id: Set(None),
        published_number: Set(None),
        created_at_ms: Set(new.now_ms),
        created_by: Set(new.actor),
        updated_at_ms: Set(new.now_ms),
        archived_at_ms: Set(None),
    };
    let drafted = [
        Column::Name,
        Column::Description,
        Column::Tags,
        Column::DraftSource,
        Column::DraftFormat,
        Column::UpdatedAtMs,
    ];
    let change = OnConflict::columns([Column::OrganizationId, Column::Slug])
        .update_columns(drafted)
        .value(Column::Revision, Expr::col((Entity, Column::Revision)).add(1))
        .to_owned();
    Ok(Entity::insert(model).on_conflict(change).exec_with_returning(&**transaction).await?)
}
