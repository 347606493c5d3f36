//! Claims bulk operations that have to go on, and writes parts of them.

use entity::bulk_failure;
use entity::bulk_operation::{Column, Entity};
use sea_orm::sea_query::{Expr, LockBehavior, LockType, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::read::of;
use super::record::{failure_model, operation_row};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::bulk::{BulkFailureRow, BulkOperationRow, BulkPart, BulkStatus, BulkWritten};
use crate::store::Store;
use crate::{rulings, signals};

/// Executions of one operation that could not be changed and are kept with the reason; the others are only counted.
const MAX_FAILURES: i64 = 1_000;

impl Store {
    /// Claims the operation that has to go on for the longest time, until `lease_until_ms`; none when none has to, or
    /// others are at work.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claim_bulk_operation(
        &self,
        now_ms: i64,
        lease_until_ms: i64,
    ) -> Result<Option<BulkOperationRow>, StoreError> {
        let due = || {
            Entity::find()
                .filter(Expr::cust("due_at_ms is not null"))
                .filter(Column::DueAtMs.lte(now_ms))
                .filter(Column::LeaseUntilMs.lte(now_ms))
        };
        let some = due().select_only().column(Column::Id).limit(1).into_tuple::<Uuid>();
        if some.one(self.backend.reads()).await?.is_none() {
            return Ok(None);
        }
        let transaction = self.backend.begin().await?;
        let found = due()
            .order_by_asc(Column::DueAtMs)
            .order_by_asc(Column::Id)
            .limit(1)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(&*transaction)
            .await?;
        let Some(model) = found else { return Ok(None) };
        let row = operation_row(model)?;
        let epoch = row.epoch + 1;
        Entity::update_many()
            .col_expr(Column::Epoch, Expr::val(epoch))
            .col_expr(Column::LeaseUntilMs, Expr::val(lease_until_ms))
            .filter(Column::Id.eq(row.id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(BulkOperationRow { epoch, lease_until_ms, ..row }))
    }

    /// Writes a part of an operation and ends the claim; durable when this returns. None, and nothing written, when
    /// somebody held or stopped the operation since, or somebody else claimed it.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn write_bulk_part(&self, part: &BulkPart) -> Result<Option<BulkWritten>, StoreError> {
        rulings::check_all(&part.rulings)?;
        check_texts(part.sends.iter().map(|signal| ("data", Some(signal.data.as_str()))))?;
        check_texts(part.failures.iter().map(|failure| ("message", Some(failure.message.as_str()))))?;
        let transaction = self.backend.begin().await?;
        let held = of(part.organization_id)
            .filter(Column::Id.eq(part.operation_id.uuid()))
            .filter(Column::Epoch.eq(part.epoch))
            .filter(Column::Status.is_in([BulkStatus::Pending.code(), BulkStatus::Running.code()]))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        let Some(row) = held.map(operation_row).transpose()? else { return Ok(None) };
        let mut written = Vec::with_capacity(part.rulings.len());
        for ruling in &part.rulings {
            written.push(rulings::write(&transaction, self.backend.shard(), ruling).await?);
        }
        signals::insert(&transaction, &part.sends, part.at_ms).await?;
        keep(&transaction, &part.failures, MAX_FAILURES - row.failed).await?;
        let missed = written.iter().filter(|ruling| ruling.is_none()).count();
        let row = after(row, part, i64::try_from(missed).unwrap_or(i64::MAX));
        Entity::update_many()
            .col_expr(Column::Status, Expr::val(row.status.code()))
            .col_expr(Column::Total, Expr::val(row.total))
            .col_expr(Column::IsCounted, Expr::val(row.is_counted))
            .col_expr(Column::Succeeded, Expr::val(row.succeeded))
            .col_expr(Column::Failed, Expr::val(row.failed))
            .col_expr(Column::Skipped, Expr::val(row.skipped))
            .col_expr(Column::Position, Expr::val(row.position.map(ids::ExecutionId::uuid)))
            .col_expr(Column::LeaseUntilMs, Expr::val(row.lease_until_ms))
            .col_expr(Column::DueAtMs, Expr::val(row.due_at_ms))
            .col_expr(Column::StatusReason, Expr::val(row.status_reason.as_deref()))
            .col_expr(Column::EndedAtMs, Expr::val(row.ended_at_ms))
            .filter(Column::OrganizationId.eq(part.organization_id.uuid()))
            .filter(Column::Id.eq(part.operation_id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(BulkWritten { operation: row, rulings: written }))
    }
}

/// The operation after a part of it. What was counted and did not come, or came and was not counted, left the filter
/// or entered it in between: at the end the numbers add up all the same.
fn after(row: BulkOperationRow, part: &BulkPart, missed: i64) -> BulkOperationRow {
    let failed = row.failed + i64::try_from(part.failures.len()).unwrap_or(i64::MAX);
    let succeeded = row.succeeded + part.succeeded - missed;
    let mut skipped = row.skipped + part.skipped + missed;
    let mut total = row.total + part.counted;
    if part.is_counted {
        let passed = succeeded + failed + skipped;
        if part.status == BulkStatus::Completed {
            skipped += Ord::max(total - passed, 0);
        }
        total = Ord::max(total, passed);
    }
    BulkOperationRow {
        status: part.status,
        total,
        is_counted: part.is_counted,
        succeeded,
        failed,
        skipped,
        position: part.position,
        lease_until_ms: 0,
        due_at_ms: part.due_at_ms,
        status_reason: part.status_reason.clone(),
        ended_at_ms: part.status.is_ended().then_some(part.at_ms),
        ..row
    }
}

/// Keeps the first `room` of them.
async fn keep(transaction: &WriteTransaction, failures: &[BulkFailureRow], room: i64) -> Result<(), StoreError> {
    let room = usize::try_from(room).unwrap_or(0);
    if failures.is_empty() || room == 0 {
        return Ok(());
    }
    let key = [bulk_failure::Column::OperationId, bulk_failure::Column::Id];
    bulk_failure::Entity::insert_many(failures.iter().take(room).map(failure_model))
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(&**transaction)
        .await?;
    Ok(())
}
