//! Reads bulk operations, what of them was not possible, and the executions that they walk over.

use entity::bulk_operation::{Column, Entity};
use entity::{bulk_failure, execution};
use ids::{BulkOperationId, ExecutionId, OrganizationId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::record::{failure_row, operation_row};
use crate::error::StoreError;
use crate::filter::ExecutionFilter;
use crate::model::bulk::{BulkFailureRow, BulkOperationRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

pub(super) fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

fn by(organization: OrganizationId, created_by: Option<&str>) -> Select<Entity> {
    let select = of(organization);
    match created_by {
        None => select,
        Some(actor) => select.filter(Column::CreatedBy.eq(actor)),
    }
}

fn failures_of(organization: OrganizationId, operation: BulkOperationId) -> Select<bulk_failure::Entity> {
    bulk_failure::Entity::find()
        .filter(bulk_failure::Column::OrganizationId.eq(organization.uuid()))
        .filter(bulk_failure::Column::OperationId.eq(operation.uuid()))
}

impl Store {
    /// One bulk operation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn bulk_operation(
        &self,
        organization: OrganizationId,
        id: BulkOperationId,
    ) -> Result<Option<BulkOperationRow>, StoreError> {
        let found = of(organization).filter(Column::Id.eq(id.uuid()));
        found.one(&self.backend.reads_of(organization)).await?.map(operation_row).transpose()
    }

    /// A page of the bulk operations, or of those that one actor asked for, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn bulk_operations(
        &self,
        organization: OrganizationId,
        created_by: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<BulkOperationRow>, StoreError> {
        let sort = Sort { key: None, table: "bulk_operation", direction: Direction::Descending };
        let cursor = |row: &BulkOperationRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let select = by(organization, created_by);
        page::read(&self.backend.reads_of(organization), select, &sort, request, operation_row, cursor).await
    }

    /// How many bulk operations there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_bulk_operations(
        &self,
        organization: OrganizationId,
        created_by: Option<&str>,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), by(organization, created_by)).await
    }

    /// How many bulk operations have not ended, counted up to ten thousand.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_open_bulk_operations(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        let open = of(organization).filter(Column::EndedAtMs.is_null());
        Ok(page::count(&self.backend.reads_of(organization), open).await?.0)
    }

    /// A page of the executions that an operation could not change, oldest execution first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn bulk_failures(
        &self,
        organization: OrganizationId,
        operation: BulkOperationId,
        request: &PageRequest,
    ) -> Result<Page<BulkFailureRow>, StoreError> {
        let sort = Sort { key: None, table: "bulk_failure", direction: Direction::Ascending };
        let cursor = |row: &BulkFailureRow| Cursor { key: SortKey::None(()), id: row.execution_id.uuid() };
        let row = |model: bulk_failure::Model| Ok(failure_row(model));
        let select = failures_of(organization, operation);
        page::read(&self.backend.reads_of(organization), select, &sort, request, row, cursor).await
    }

    /// How many there are of them that are kept, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_bulk_failures(
        &self,
        organization: OrganizationId,
        operation: BulkOperationId,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), failures_of(organization, operation)).await
    }

    /// Ids of the executions that fit `filter` after `after`, `limit` at most, in the order of acceptance.
    ///
    /// # Errors
    /// `FilterTooDeep`, or the database is away.
    pub async fn walk_executions(
        &self,
        organization: OrganizationId,
        filter: &ExecutionFilter,
        after: Option<ExecutionId>,
        limit: u64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let mut select = execution::Entity::find()
            .select_only()
            .column(execution::Column::Id)
            .filter(execution::Column::OrganizationId.eq(organization.uuid()))
            .filter(filter.condition(organization, self.backend.dialect())?);
        if let Some(after) = after {
            select = select.filter(execution::Column::Id.gt(after.uuid()));
        }
        let ids: Vec<Uuid> = select
            .order_by_asc(execution::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(ids.into_iter().map(ExecutionId::from_uuid).collect())
    }
}
