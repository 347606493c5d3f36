//! Reads workflows and versions.

mod archive;
mod draft;
mod publish;
mod record;
mod rollback;
mod write;

use entity::{workflow, workflow_version};
use ids::{OrganizationId, WorkflowId, WorkflowVersionId};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use workflow::{Column, Entity, Model};

use crate::error::StoreError;
use crate::filter::WorkflowFilter;
use crate::model::workflow::{VersionRow, WorkflowRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey, WorkflowOrder, WorkflowOrderField};
use crate::store::Store;

use record::{version_row, workflow_row};

pub use write::WORKFLOW_ARCHIVED;

/// Those of an organization; deleted ones are there no more.
fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(Column::DeletedAtMs.is_null())
}

fn versions_of(organization: OrganizationId) -> Select<workflow_version::Entity> {
    workflow_version::Entity::find().filter(workflow_version::Column::OrganizationId.eq(organization.uuid()))
}

impl Store {
    /// One workflow.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workflow(
        &self,
        organization: OrganizationId,
        id: WorkflowId,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        let model = of(organization).filter(Column::Id.eq(id.uuid())).one(&self.backend.reads_of(organization)).await?;
        model.map(workflow_row).transpose()
    }

    /// One workflow by its slug.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workflow_by_slug(
        &self,
        organization: OrganizationId,
        slug: &str,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        let model = of(organization).filter(Column::Slug.eq(slug)).one(&self.backend.reads_of(organization)).await?;
        model.map(workflow_row).transpose()
    }

    /// Several workflows, in any order; unknown ones are left out. Deleted ones are found as long as there are
    /// executions of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn workflows_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[WorkflowId],
    ) -> Result<Vec<WorkflowRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let models = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .all(&self.backend.reads_of(organization))
            .await?;
        models.into_iter().map(workflow_row).collect()
    }

    /// A page of the workflows that fit `filter`.
    ///
    /// # Errors
    /// `FilterTooDeep`, `Invalid` for a cursor of another order, or the database is away.
    pub async fn workflows(
        &self,
        organization: OrganizationId,
        filter: &WorkflowFilter,
        order: WorkflowOrder,
        request: &PageRequest,
    ) -> Result<Page<WorkflowRow>, StoreError> {
        let select = of(organization).filter(filter.condition(self.backend.dialect())?);
        let sort = Sort { key: Some(sort_key(order.field)), table: "workflow", direction: order.direction };
        let cursor = |row: &WorkflowRow| Cursor { key: key_of(row, order.field), id: row.id.uuid() };
        page::read(
            &self.backend.reads_of(organization),
            select,
            &sort,
            request,
            |model: Model| workflow_row(model),
            cursor,
        )
        .await
    }

    /// How many workflows fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// `FilterTooDeep`, or the database is away.
    pub async fn count_workflows(
        &self,
        organization: OrganizationId,
        filter: &WorkflowFilter,
    ) -> Result<(u64, bool), StoreError> {
        page::count(
            &self.backend.reads_of(organization),
            of(organization).filter(filter.condition(self.backend.dialect())?),
        )
        .await
    }

    /// One version.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn version(
        &self,
        organization: OrganizationId,
        id: WorkflowVersionId,
    ) -> Result<Option<VersionRow>, StoreError> {
        Ok(self.versions_by_ids(organization, &[id]).await?.pop())
    }

    /// One version by its number.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn version_by_number(
        &self,
        organization: OrganizationId,
        workflow: WorkflowId,
        number: i32,
    ) -> Result<Option<VersionRow>, StoreError> {
        let select = versions_of(organization)
            .filter(workflow_version::Column::WorkflowId.eq(workflow.uuid()))
            .filter(workflow_version::Column::Number.eq(number));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(version_row))
    }

    /// Several versions, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn versions_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[WorkflowVersionId],
    ) -> Result<Vec<VersionRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select =
            versions_of(organization).filter(workflow_version::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(version_row).collect())
    }

    /// How many versions a workflow has: the number of its newest one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_versions(&self, organization: OrganizationId, workflow: WorkflowId) -> Result<u64, StoreError> {
        let newest = versions_of(organization)
            .filter(workflow_version::Column::WorkflowId.eq(workflow.uuid()))
            .order_by_desc(workflow_version::Column::Number)
            .select_only()
            .column(workflow_version::Column::Number);
        let newest: Option<i32> = newest.into_tuple().one(&self.backend.reads_of(organization)).await?;
        Ok(newest.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    /// A page of a workflow's versions, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn versions(
        &self,
        organization: OrganizationId,
        workflow: WorkflowId,
        request: &PageRequest,
    ) -> Result<Page<VersionRow>, StoreError> {
        let select = versions_of(organization).filter(workflow_version::Column::WorkflowId.eq(workflow.uuid()));
        let number = workflow_version::Column::Number.into_expr();
        let sort = Sort { key: Some(number), table: "workflow_version", direction: Direction::Descending };
        let cursor = |row: &VersionRow| Cursor { key: SortKey::Number(i64::from(row.number)), id: row.id.uuid() };
        page::read(
            &self.backend.reads_of(organization),
            select,
            &sort,
            request,
            |model: workflow_version::Model| Ok(version_row(model)),
            cursor,
        )
        .await
    }
}

fn sort_key(field: WorkflowOrderField) -> SimpleExpr {
    match field {
        WorkflowOrderField::Name => Column::Name.into_expr(),
        WorkflowOrderField::CreatedAt => Column::CreatedAtMs.into_expr(),
        WorkflowOrderField::UpdatedAt => Column::UpdatedAtMs.into_expr(),
    }
}

fn key_of(row: &WorkflowRow, field: WorkflowOrderField) -> SortKey {
    match field {
        WorkflowOrderField::Name => SortKey::Text(row.name.clone()),
        WorkflowOrderField::CreatedAt => SortKey::Number(row.created_at_ms),
        WorkflowOrderField::UpdatedAt => SortKey::Number(row.updated_at_ms),
    }
}
