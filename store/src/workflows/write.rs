//! Saves drafts and switches workflows on and off.

use std::sync::Arc;

use entity::event_trigger;
use entity::workflow::{ActiveModel, Column, Entity, Model};
use ids::{OrganizationId, WorkflowId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, UpdateMany};

use super::draft::changed;
use super::record::workflow_row;
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::hooks::switch_hooks;
use crate::model::workflow::{NewWorkflow, WorkflowChanges, WorkflowRow};
use crate::schedules::switch_managed;
use crate::store::Store;

/// What is violated by a definition for a workflow that is archived.
pub const WORKFLOW_ARCHIVED: &str = "workflow_is_archived";

/// A definition for a workflow that is archived.
#[derive(Debug, thiserror::Error)]
#[error("the workflow `{0}` is archived")]
struct Archived(String);

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

    /// Changes title, description, folder or tags. `None` when there is no such workflow at the expected revision, or
    /// it is archived.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn update_workflow(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        changes: WorkflowChanges,
        expected_revision: Option<i32>,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        check_texts([
            ("name", changes.name.as_deref()),
            ("description", changes.description.as_deref()),
            ("namespace", changes.namespace.as_deref()),
        ])?;
        check_texts(changes.tags.iter().flatten().map(|tag| ("tags", Some(tag.as_str()))))?;
        self.change(head(changed(organization, id, expected_revision, now_ms), changes)).await
    }

    /// Lets triggers and callers start the workflow, or keeps them from it; `None` if the
    /// organization has none such, or it is archived.
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
            .filter(Column::ArchivedAtMs.is_null())
            .exec_with_returning(&*transaction)
            .await?;
        let Some(model) = models.into_iter().next() else { return Ok(None) };
        switch_hooks(&transaction, organization, id, is_enabled).await?;
        switch_triggers(&transaction, organization, id, is_enabled).await?;
        switch_managed(&transaction, organization, id, is_enabled, now_ms).await?;
        transaction.commit().await?;
        workflow_row(model).map(Some)
    }
}

/// Copies whether a workflow is enabled to its event triggers.
pub async fn switch_triggers(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    workflow: WorkflowId,
    is_enabled: bool,
) -> Result<(), StoreError> {
    event_trigger::Entity::update_many()
        .col_expr(event_trigger::Column::IsEnabled, Expr::val(is_enabled))
        .filter(event_trigger::Column::WorkflowId.eq(workflow.uuid()))
        .filter(event_trigger::Column::OrganizationId.eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// Sets what is said of the workflow as a whole; what is absent stays.
pub fn head(mut update: UpdateMany<Entity>, changes: WorkflowChanges) -> UpdateMany<Entity> {
    let WorkflowChanges { name, description, namespace, tags } = changes;
    let tags = tags.map(|tags| serde_json::to_string(&tags).expect("texts are JSON"));
    let columns = [
        (Column::Name, name),
        (Column::Description, description),
        (Column::Namespace, namespace),
        (Column::Tags, tags),
    ];
    for (column, value) in columns {
        if let Some(value) = value {
            update = update.col_expr(column, Expr::val(value));
        }
    }
    update
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

/// A workflow with its first draft.
pub fn first_draft(new: NewWorkflow) -> ActiveModel {
    let tags = serde_json::to_string(&new.tags).expect("texts are JSON");
    ActiveModel {
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
        created_by: Set(new.actor.clone()),
        updated_at_ms: Set(new.now_ms),
        archived_at_ms: Set(None),
        draft_layout: Set(None),
        draft_based_on: Set(None),
        draft_saved_at_ms: Set(Some(new.now_ms)),
        draft_saved_by: Set(Some(new.actor)),
        idempotency_key: Set(None),
        archived_reason: Set(None),
        deleted_at_ms: Set(None),
    }
}

/// Saves a draft and locks the workflow until the transaction is over.
pub async fn save_draft(transaction: &WriteTransaction, new: NewWorkflow) -> Result<Model, StoreError> {
    let model = first_draft(new);
    let drafted = [
        Column::Name,
        Column::Description,
        Column::Tags,
        Column::DraftSource,
        Column::DraftFormat,
        Column::UpdatedAtMs,
        Column::DraftSavedAtMs,
        Column::DraftSavedBy,
    ];
    let own = |column| Expr::col((Entity, column));
    let based_on =
        Expr::case(own(Column::DraftSource).is_null(), own(Column::PublishedNumber)).finally(own(Column::DraftBasedOn));
    let change = OnConflict::columns([Column::OrganizationId, Column::Slug])
        .update_columns(drafted)
        .value(Column::Revision, own(Column::Revision).add(1))
        .value(Column::DraftBasedOn, based_on)
        .to_owned();
    let saved = Entity::insert(model).on_conflict(change).exec_with_returning(&**transaction).await?;
    if saved.archived_at_ms.is_some() {
        let source = Arc::new(Archived(saved.slug));
        return Err(StoreError::Conflict { constraint: WORKFLOW_ARCHIVED.to_owned(), source });
    }
    Ok(saved)
}
