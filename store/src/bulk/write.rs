//! What people change of bulk operations, and deleting those that ended long ago.

use entity::bulk_failure;
use entity::bulk_operation::{Column, Entity};
use ids::{BulkOperationId, OrganizationId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::record::{check, operation_model, operation_row};
use crate::error::StoreError;
use crate::model::bulk::{BulkOperationRow, BulkStatus};
use crate::organizations;
use crate::organizations::some_of;
use crate::store::Store;

/// Items that are deleted at a time.
const ITEMS: u64 = 10_000;

impl Store {
    /// Records a bulk operation; false when the organization is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_bulk_operation(&self, row: BulkOperationRow) -> Result<bool, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(false);
        }
        Entity::insert(operation_model(row)).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Holds an operation, lets it go on, or stops it: `status` is `Paused`, `Running` or `Cancelled`. Answers it as
    /// it is then; none when it is not there, has ended, or goes on without having been held. What is being done at
    /// this moment is either done before or not at all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn switch_bulk_operation(
        &self,
        organization: OrganizationId,
        id: BulkOperationId,
        status: BulkStatus,
        now_ms: i64,
    ) -> Result<Option<BulkOperationRow>, StoreError> {
        let from = match status {
            BulkStatus::Paused => vec![BulkStatus::Pending, BulkStatus::Running],
            BulkStatus::Running => vec![BulkStatus::Paused],
            BulkStatus::Cancelled => vec![BulkStatus::Pending, BulkStatus::Running, BulkStatus::Paused],
            BulkStatus::Pending | BulkStatus::Completed | BulkStatus::Failed => Vec::new(),
        };
        let goes_on = status == BulkStatus::Running;
        let transaction = self.backend.begin().await?;
        let to = if goes_on {
            // One that was held while it counted goes on counting.
            let pending = BulkStatus::Pending.code();
            Expr::case(Column::IsCounted.into_expr(), status.code()).finally(pending).into()
        } else {
            Expr::val(status.code())
        };
        let changed = Entity::update_many()
            .col_expr(Column::Status, to)
            .col_expr(Column::DueAtMs, Expr::val(goes_on.then_some(now_ms)))
            .col_expr(Column::EndedAtMs, Expr::val(status.is_ended().then_some(now_ms)))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Status.is_in(from.into_iter().map(BulkStatus::code)))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        changed.into_iter().next().map(operation_row).transpose()
    }

    /// Deletes up to `limit` operations that ended before `before_ms`, with what is kept of them; answers how many.
    /// What they started goes before them, some of it at a time and counted as well.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_bulk_operations(&self, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let transaction = self.backend.begin().await?;
        let ended: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Expr::cust("ended_at_ms is not null"))
            .filter(Column::EndedAtMs.lt(before_ms))
            .order_by_asc(Column::EndedAtMs)
            .limit(limit)
            .into_tuple()
            .all(&*transaction)
            .await?;
        if ended.is_empty() {
            return Ok(0);
        }
        let of_ended = Expr::col(Alias::new("operation_id")).is_in(ended.iter().copied());
        let items = some_of("bulk_item", of_ended, ITEMS, self.backend.dialect());
        let deleted = transaction.execute(&items).await?.rows_affected();
        if deleted > 0 {
            transaction.commit().await?;
            return Ok(deleted);
        }
        bulk_failure::Entity::delete_many()
            .filter(bulk_failure::Column::OperationId.is_in(ended.iter().copied()))
            .exec(&*transaction)
            .await?;
        let deleted = Entity::delete_many().filter(Column::Id.is_in(ended)).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}
