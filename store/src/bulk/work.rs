//! Claims bulk operations that have to go on, and writes parts of them.

use entity::bulk_failure;
use entity::bulk_operation::{Column, Entity};
use sea_orm::sea_query::{Expr, LockBehavior, LockType, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::items::write_results;
use super::read::of;
use super::record::{failure_model, operation_row};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::commit::rollup::Rollups;
use crate::error::StoreError;
use crate::model::bulk::{BulkFailureRow, BulkOperationRow, BulkPart, BulkStatus, BulkWritten};
use crate::model::ruling::{Ruling, RulingWritten};
use crate::operations::delete_ended_of;
use crate::rulings::{self, moved};
use crate::signals;
use crate::store::Store;

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
    /// somebody held or stopped the operation since, or somebody else claimed it. What has happened already is written
    /// all the same by whoever has the claim.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn write_bulk_part(&self, part: &BulkPart) -> Result<Option<BulkWritten>, StoreError> {
        rulings::check_all(&part.rulings)?;
        part.relocations.iter().try_for_each(|(relocation, _)| moved::check(relocation))?;
        check_texts(part.relocations.iter().map(|(_, failure)| ("message", Some(failure.message.as_str()))))?;
        check_texts(part.sends.iter().map(|signal| ("data", Some(signal.data.as_str()))))?;
        check_texts(part.failures.iter().map(|failure| ("message", Some(failure.message.as_str()))))?;
        check_texts(part.results.iter().map(|result| ("message", result.message.as_deref())))?;
        let transaction = self.backend.begin().await?;
        let held = of(part.organization_id)
            .filter(Column::Id.eq(part.operation_id.uuid()))
            .filter(Column::Epoch.eq(part.epoch))
            .filter(Column::Status.is_in(statuses(part).iter().map(|status| status.code())))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        let Some(row) = held.map(operation_row).transpose()? else { return Ok(None) };
        // Before the rulings: what an execution was told is void once it has ended.
        signals::insert(&transaction, &part.sends, part.at_ms).await?;
        let mut counted = Rollups::default();
        let mut written = Vec::with_capacity(part.rulings.len());
        for ruling in &part.rulings {
            written.push(rulings::write(&transaction, ruling, &mut counted).await?);
        }
        let mut relocations = Vec::with_capacity(part.relocations.len());
        let mut failures = part.failures.clone();
        for (relocation, failure) in &part.relocations {
            let seq = moved::write(&transaction, relocation).await?;
            failures.extend(seq.is_none().then(|| failure.clone()));
            relocations.push(seq);
        }
        let deleted = delete_ended_of(&transaction, part.organization_id, &part.deletions).await?;
        keep(&transaction, &failures, MAX_FAILURES - row.failed).await?;
        write_results(&transaction, &part.results).await?;
        let missed = Missed {
            skipped: skipped(part, &written) + number(part.deletions.len()) - number(deleted.len()),
            failed: number(relocations.iter().filter(|seq| seq.is_none()).count()),
        };
        let row = after(row, part, missed);
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
        counted.write_in(&transaction, self.backend.shard()).await?;
        transaction.commit().await?;
        Ok(Some(BulkWritten { operation: row, rulings: written, relocations, deleted }))
    }
}

/// Where an operation may stand for a part to be written.
const fn statuses(part: &BulkPart) -> &'static [BulkStatus] {
    if part.has_happened {
        &[BulkStatus::Pending, BulkStatus::Running, BulkStatus::Paused, BulkStatus::Cancelled]
    } else {
        &[BulkStatus::Pending, BulkStatus::Running]
    }
}

/// What of a part was counted as changed and is not.
struct Missed {
    skipped: i64,
    failed: i64,
}

/// How many rulings were not written, and their executions not told anything either.
fn skipped(part: &BulkPart, written: &[Option<RulingWritten>]) -> i64 {
    let is_told = |ruling: &Ruling| part.sends.iter().any(|signal| signal.execution_id == ruling.execution_id);
    let missed = part.rulings.iter().zip(written).filter(|(ruling, written)| written.is_none() && !is_told(ruling));
    number(missed.count())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The operation after a part of it. What was counted and did not come, or came and was not counted, left the filter
/// or entered it in between: at the end the numbers add up all the same.
fn after(row: BulkOperationRow, part: &BulkPart, missed: Missed) -> BulkOperationRow {
    // What somebody held or stopped meanwhile stays so.
    let is_held = matches!(row.status, BulkStatus::Paused | BulkStatus::Cancelled);
    let (status, due_at_ms) = if is_held { (row.status, None) } else { (part.status, part.due_at_ms) };
    let ended_at_ms = if is_held { row.ended_at_ms } else { status.is_ended().then_some(part.at_ms) };
    let failed = row.failed + number(part.failures.len()) + missed.failed;
    let succeeded = row.succeeded + part.succeeded - missed.skipped - missed.failed;
    let mut skipped = row.skipped + part.skipped + missed.skipped;
    let mut total = row.total + part.counted;
    if part.is_counted {
        let passed = succeeded + failed + skipped;
        if status == BulkStatus::Completed {
            skipped += Ord::max(total - passed, 0);
        }
        total = Ord::max(total, passed);
    }
    BulkOperationRow {
        status,
        total,
        is_counted: part.is_counted,
        succeeded,
        failed,
        skipped,
        position: part.position,
        lease_until_ms: 0,
        due_at_ms,
        status_reason: part.status_reason.clone(),
        ended_at_ms,
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
