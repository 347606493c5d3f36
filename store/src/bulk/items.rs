//! What bulk operations start: items, given in parts, worked off in their order.

use entity::bulk_item;
use entity::bulk_operation::{Column, Entity};
use ids::{BulkOperationId, OrganizationId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::read::of;
use super::record::{item_model, item_row, operation_row};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::bulk::{
    BulkAdding, BulkItemRow, BulkItemStatus, BulkKind, BulkOperationRow, BulkStatus, NewBulkItems,
};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

/// Rows of one statement: databases bound the parameters of one.
const ROWS: usize = 1_000;

impl Store {
    /// Gives items to an operation that starts executions; durable when this returns. Those that it has are left as
    /// they are, so that whoever is not sure gives them again. Answers it as it is then; none when there is no such
    /// operation.
    ///
    /// What is being done with it at this moment is not written: with its last items it begins anew.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then they may be there all the same.
    pub async fn add_bulk_items(
        &self,
        organization: OrganizationId,
        id: BulkOperationId,
        new: NewBulkItems,
    ) -> Result<Option<(BulkOperationRow, BulkAdding)>, StoreError> {
        check_texts(new.items.iter().map(|item| ("start", Some(item.start.as_str()))))?;
        let transaction = self.backend.begin().await?;
        let held = of(organization)
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Kind.eq(BulkKind::Start.code()))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        let Some(row) = held.map(operation_row).transpose()? else { return Ok(None) };
        let adding = judged(&row, &new);
        if adding != BulkAdding::Added {
            return Ok(Some((row, adding)));
        }
        let total = Ord::max(row.total, new.from.saturating_add(number(new.items.len())));
        let known = usize::try_from(row.total - new.from).unwrap_or(0);
        let items = new.items.into_iter().skip(known).zip(row.total..).map(|(item, number)| BulkItemRow {
            organization_id: organization,
            operation_id: id,
            number,
            execution_id: item.execution_id,
            status: BulkItemStatus::Open,
            start: Some(item.start),
            code: None,
            message: None,
        });
        let models: Vec<bulk_item::ActiveModel> = items.map(|item| item_model(&item)).collect();
        for some in models.chunks(ROWS) {
            bulk_item::Entity::insert_many(some.iter().cloned()).exec_without_returning(&*transaction).await?;
        }
        let begins = new.is_last && row.status == BulkStatus::Pending;
        let row = BulkOperationRow {
            total,
            is_counted: new.is_last,
            status: if begins { BulkStatus::Running } else { row.status },
            due_at_ms: if begins { Some(new.at_ms) } else { row.due_at_ms },
            // Whoever claimed it has seen it with fewer items.
            epoch: row.epoch + 1,
            lease_until_ms: 0,
            ..row
        };
        Entity::update_many()
            .col_expr(Column::Total, Expr::val(row.total))
            .col_expr(Column::IsCounted, Expr::val(row.is_counted))
            .col_expr(Column::Status, Expr::val(row.status.code()))
            .col_expr(Column::DueAtMs, Expr::val(row.due_at_ms))
            .col_expr(Column::Epoch, Expr::val(row.epoch))
            .col_expr(Column::LeaseUntilMs, Expr::val(row.lease_until_ms))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some((row, BulkAdding::Added)))
    }

    /// Items of an operation from `from` on, `limit` at most, in their order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn bulk_items_from(
        &self,
        organization: OrganizationId,
        operation: BulkOperationId,
        from: i64,
        limit: u64,
    ) -> Result<Vec<BulkItemRow>, StoreError> {
        let some = items_of(organization, operation, None)
            .filter(bulk_item::Column::Number.gte(from))
            .order_by_asc(bulk_item::Column::Number)
            .limit(limit);
        let models = some.all(&self.backend.reads_of(organization)).await?;
        models.into_iter().map(item_row).collect()
    }

    /// A page of the items of an operation, or of those of which this came, in their order.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn bulk_items(
        &self,
        organization: OrganizationId,
        operation: BulkOperationId,
        status: Option<BulkItemStatus>,
        request: &PageRequest,
    ) -> Result<Page<BulkItemRow>, StoreError> {
        let number = Expr::col((bulk_item::Entity, bulk_item::Column::Number));
        let sort = Sort { key: Some(number), table: "bulk_item", direction: Direction::Ascending };
        let cursor = |row: &BulkItemRow| Cursor { key: SortKey::Number(row.number), id: row.execution_id.uuid() };
        let select = items_of(organization, operation, status);
        page::read(&self.backend.reads_of(organization), select, &sort, request, item_row, cursor).await
    }

    /// How many there are of them, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_bulk_items(
        &self,
        organization: OrganizationId,
        operation: BulkOperationId,
        status: Option<BulkItemStatus>,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), items_of(organization, operation, status)).await
    }
}

fn items_of(
    organization: OrganizationId,
    operation: BulkOperationId,
    status: Option<BulkItemStatus>,
) -> Select<bulk_item::Entity> {
    let select = bulk_item::Entity::find()
        .filter(bulk_item::Column::OrganizationId.eq(organization.uuid()))
        .filter(bulk_item::Column::OperationId.eq(operation.uuid()));
    match status {
        None => select,
        Some(status) => select.filter(bulk_item::Column::Status.eq(status.code())),
    }
}

/// What becomes of items, as the operation is.
fn judged(row: &BulkOperationRow, new: &NewBulkItems) -> BulkAdding {
    let to = new.from.saturating_add(number(new.items.len()));
    let is_open = !row.is_counted && matches!(row.status, BulkStatus::Pending | BulkStatus::Paused);
    if new.from > row.total {
        BulkAdding::Gap
    } else if to <= row.total && !(new.is_last && to == row.total && is_open) {
        BulkAdding::Known
    } else if !is_open {
        BulkAdding::Closed
    } else if to > new.most {
        BulkAdding::Full
    } else {
        BulkAdding::Added
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes what came of items that were open.
pub async fn write_results(transaction: &WriteTransaction, results: &[BulkItemRow]) -> Result<(), StoreError> {
    use bulk_item::Column;
    for some in results.chunks(ROWS) {
        // They are there: one statement for all of them.
        let changed = OnConflict::columns([Column::OperationId, Column::Number])
            .update_columns([Column::Id, Column::Status, Column::Start, Column::Code, Column::Message])
            .action_and_where(Expr::col((bulk_item::Entity, Column::Status)).eq(BulkItemStatus::Open.code()))
            .to_owned();
        bulk_item::Entity::insert_many(some.iter().map(item_model))
            .on_conflict(changed)
            .exec_without_returning(&**transaction)
            .await?;
    }
    Ok(())
}
