//! Drafts of known workflows, and workflows that begin with one.

use entity::workflow::{Column, Entity};
use ids::{OrganizationId, WorkflowId};
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, UpdateMany};

use super::record::workflow_row;
use super::write::{check, first_draft};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::workflow::{NewDraft, NewWorkflow, WorkflowRow};
use crate::store::Store;

impl Store {
    /// Creates a workflow with a first draft, once for each `idempotency_key`.
    ///
    /// # Errors
    /// `Invalid`; `Conflict` when slug or key are taken; the database away.
    pub async fn insert_workflow(
        &self,
        new: NewWorkflow,
        idempotency_key: Option<String>,
    ) -> Result<WorkflowRow, StoreError> {
        check(&new)?;
        check_texts([("idempotency_key", idempotency_key.as_deref())])?;
        let mut model = first_draft(new);
        model.idempotency_key = Set(idempotency_key);
        let transaction = self.backend.begin().await?;
        let model = Entity::insert(model).exec_with_returning(&*transaction).await?;
        transaction.commit().await?;
        workflow_row(model)
    }

    /// The workflow that was created with a key.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workflow_by_key(
        &self,
        organization: OrganizationId,
        idempotency_key: &str,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        let select = super::of(organization).filter(Column::IdempotencyKey.eq(idempotency_key));
        select.one(&self.backend.reads_of(organization)).await?.map(workflow_row).transpose()
    }

    /// Saves the draft of a workflow; it begins with the version that is published now, unless there was one already.
    /// `None` when there is no such workflow at the expected revision, or it is archived.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_draft(&self, draft: NewDraft) -> Result<Option<WorkflowRow>, StoreError> {
        check_texts([
            ("draft_source", Some(draft.source.as_str())),
            ("draft_format", Some(draft.format.as_str())),
            ("draft_layout", draft.layout.as_deref()),
            ("actor", Some(draft.actor.as_str())),
        ])?;
        // Every expression reads the row as it was.
        let based_on = Expr::case(Column::DraftSource.is_null(), Column::PublishedNumber.into_expr())
            .finally(Column::DraftBasedOn.into_expr());
        let layout = match draft.layout {
            Some(layout) => Expr::val(layout),
            None => Column::DraftLayout.into_expr(),
        };
        let update = changed(draft.organization_id, draft.workflow_id, draft.expected_revision, draft.now_ms)
            .col_expr(Column::DraftSource, Expr::val(draft.source))
            .col_expr(Column::DraftFormat, Expr::val(draft.format))
            .col_expr(Column::DraftLayout, layout)
            .col_expr(Column::DraftBasedOn, based_on.into())
            .col_expr(Column::DraftSavedAtMs, Expr::val(draft.now_ms))
            .col_expr(Column::DraftSavedBy, Expr::val(draft.actor));
        self.change(update).await
    }

    /// Throws the draft of a workflow away. `None` as for [`Self::save_draft`], or when there is no draft.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn discard_draft(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
        expected_revision: Option<i32>,
        now_ms: i64,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        let update = changed(organization, id, expected_revision, now_ms);
        self.change(without_draft(update).filter(Column::DraftSource.is_not_null())).await
    }

    pub(super) async fn change(&self, update: UpdateMany<Entity>) -> Result<Option<WorkflowRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        let models = update.exec_with_returning(&*transaction).await?;
        transaction.commit().await?;
        models.into_iter().next().map(workflow_row).transpose()
    }
}

/// A change of a workflow that is not archived, at the revision that was seen.
pub(super) fn changed(
    organization: OrganizationId,
    id: WorkflowId,
    expected_revision: Option<i32>,
    now_ms: i64,
) -> UpdateMany<Entity> {
    let seen = expected_revision.map(|revision| Column::Revision.eq(revision));
    Entity::update_many()
        .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
        .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Condition::all().add(Column::ArchivedAtMs.is_null()).add_option(seen))
}

/// Leaves nothing of a draft.
pub(super) fn without_draft(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update
        .col_expr(Column::DraftSource, Expr::val(None::<String>))
        .col_expr(Column::DraftFormat, Expr::val(None::<String>))
        .col_expr(Column::DraftLayout, Expr::val(None::<String>))
        .col_expr(Column::DraftBasedOn, Expr::val(None::<i32>))
        .col_expr(Column::DraftSavedAtMs, Expr::val(None::<i64>))
        .col_expr(Column::DraftSavedBy, Expr::val(None::<String>))
}
