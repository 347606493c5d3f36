//! A tick: goes on with operations that are due, a part of one after the other.
//!
//! A part is claimed, read, decided over, and written as a whole together with the place that was reached. Whoever
//! dies in between leaves nothing behind but a claim that runs out; what they had not written, somebody else does.

use std::time::Duration;

use ids::ExecutionId;
use store::{
    BulkKind, BulkOperationRow, BulkPart, BulkStatus, Cursor, Direction, ExecutionFilter, ExecutionOrder,
    ExecutionOrderField, PageRequest, SortKey,
};
use tracing::{debug, info, warn};

use super::item::{self, Verdict};
use super::start::Arguments;
use super::walk;
use crate::error::{ServiceError, chain};
use crate::executions::announce_retried;
use crate::identity::{Principal, standing};
use crate::services::Services;
use crate::signals::deliver;
use crate::viewer::{Permission, Viewer};

/// How long whoever claimed an operation may take for a part; others go on then.
const LEASE: Duration = Duration::from_secs(20);
/// No further part begins in this tick after so long: other reconcilers wait.
const BUDGET: Duration = Duration::from_millis(500);
/// Executions that are counted at a time.
const COUNTED: u64 = 10_000;
/// Executions that are told something at a time.
const TOLD: u64 = 500;
/// Executions that are woken at a time: few, because workers write some of them at the same moment.
const DELIVERED: usize = 100;
/// Executions whose journals are read at a time.
const READ: u64 = 50;

/// Goes on with what is due; returns how many executions were changed.
///
/// Any number of processes may do it at once, and each of them may die anywhere: an execution is told once.
///
/// # Errors
/// When the database is away; others go on.
pub async fn tick(services: &Services) -> Result<u64, ServiceError> {
    let (began, mut count) = (services.now().0, 0);
    loop {
        let now_ms = services.now().0;
        if now_ms.saturating_sub(began) > millis(BUDGET) {
            return Ok(count);
        }
        let claimed = services.store().claim_bulk_operation(now_ms, now_ms + millis(LEASE)).await?;
        let Some(operation) = claimed else { return Ok(count) };
        count += go_on(services, operation).await?;
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// One part of an operation.
async fn go_on(services: &Services, operation: BulkOperationRow) -> Result<u64, ServiceError> {
    let principal: Principal = read(&operation.acts_as)?;
    let viewer = standing(services, operation.organization_id, principal).await?;
    let viewer = viewer.filter(|viewer| viewer.require(Permission::ExecutionControl).is_ok());
    let Some(viewer) = viewer else {
        let why = "whoever asked for it may not control executions any more";
        let part = BulkPart {
            status: BulkStatus::Failed,
            status_reason: Some(why.to_owned()),
            due_at_ms: None,
            ..unchanged(services, &operation)
        };
        return write(services, &operation, part).await;
    };
    let arguments: Arguments = operation.arguments.as_deref().map(read).transpose()?.unwrap_or_default();
    let asked: ExecutionFilter = read(&operation.filter)?;
    let filter = walk::filter(&operation, &asked, &arguments, &viewer);
    let part = if operation.is_counted {
        change(services, &viewer, &operation, &arguments, &filter).await?
    } else {
        count(services, &operation, &filter).await?
    };
    write(services, &operation, part).await
}

/// What this release wrote. What it does not understand, a newer one may: the claim runs out, and others try.
fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, ServiceError> {
    serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a bulk operation cannot be read", source: error.into() })
}

/// A part in which nothing happens.
fn unchanged(services: &Services, operation: &BulkOperationRow) -> BulkPart {
    BulkPart {
        organization_id: operation.organization_id,
        operation_id: operation.id,
        epoch: operation.epoch,
        sends: Vec::new(),
        rulings: Vec::new(),
        failures: Vec::new(),
        counted: 0,
        succeeded: 0,
        skipped: 0,
        position: operation.position,
        is_counted: operation.is_counted,
        status: operation.status,
        status_reason: None,
        due_at_ms: operation.due_at_ms,
        at_ms: services.now().0,
    }
}

/// Counts the next ones; after the last one the work begins.
async fn count(
    services: &Services,
    operation: &BulkOperationRow,
    filter: &ExecutionFilter,
) -> Result<BulkPart, ServiceError> {
    let ids = services.store().walk_executions(operation.organization_id, filter, operation.position, COUNTED).await?;
    let counted = ids.len() as u64;
    let is_last = counted < COUNTED;
    Ok(BulkPart {
        counted: i64::try_from(counted).unwrap_or(i64::MAX),
        is_counted: is_last,
        position: if is_last { None } else { ids.last().copied() },
        status: if is_last { BulkStatus::Running } else { BulkStatus::Pending },
        due_at_ms: Some(services.now().0),
        ..unchanged(services, operation)
    })
}

/// Decides over the next ones.
async fn change(
    services: &Services,
    viewer: &Viewer,
    operation: &BulkOperationRow,
    arguments: &Arguments,
    filter: &ExecutionFilter,
) -> Result<BulkPart, ServiceError> {
    let size = match operation.kind {
        BulkKind::Cancel | BulkKind::Pause | BulkKind::Resume => TOLD,
        BulkKind::Retry => READ,
    };
    let size = Ord::min(size, u64::try_from(operation.rate_per_second).unwrap_or(1).max(1));
    let order = ExecutionOrder { field: ExecutionOrderField::QueuedAt, direction: Direction::Ascending };
    let mut request = PageRequest::first(size);
    request.after = operation.position.map(|id| Cursor { key: SortKey::None(()), id: id.uuid() });
    let page = services.store().executions(operation.organization_id, filter, order, &request).await?;
    let mut part = unchanged(services, operation);
    // A part that is not written before the claim runs out is done again by others, for ever if it is always so slow.
    let until = services.now().plus(LEASE / 2);
    let (mut passed, mut has_more) = (0, page.has_next);
    for (_, row) in page.rows {
        if passed > 0 && services.now() >= until {
            has_more = true;
            break;
        }
        passed += 1;
        part.position = Some(row.id);
        match item::decide(services, viewer, operation, arguments, row).await? {
            Verdict::Tell(signal) => part.sends.push(signal),
            Verdict::Rule(ruling) => part.rulings.push(*ruling),
            Verdict::Nothing => part.skipped += 1,
            Verdict::Fail(failure) => part.failures.push(failure),
        }
    }
    part.succeeded = i64::try_from(part.sends.len() + part.rulings.len()).unwrap_or(i64::MAX);
    if operation.is_dry_run {
        part.sends.clear();
        part.rulings.clear();
    }
    if has_more {
        part.due_at_ms = Some(next_due(operation, passed, services.now().0));
    } else {
        part.status = BulkStatus::Completed;
        part.due_at_ms = None;
    }
    Ok(part)
}

/// When the next part may begin, by the rate. What was missed by ticks is made up for, for a second at most.
fn next_due(operation: &BulkOperationRow, passed: usize, now_ms: i64) -> i64 {
    let rate = i64::from(operation.rate_per_second).max(1);
    let cost_ms = i64::try_from(passed).unwrap_or(i64::MAX).saturating_mul(1_000).saturating_add(rate - 1) / rate;
    let from_ms = Ord::max(operation.due_at_ms.unwrap_or(now_ms), now_ms - 1_000);
    from_ms.saturating_add(cost_ms)
}

/// Writes a part and tells whom it concerns.
async fn write(services: &Services, operation: &BulkOperationRow, part: BulkPart) -> Result<u64, ServiceError> {
    let told: Vec<ExecutionId> = part.sends.iter().map(|signal| signal.execution_id).collect();
    let Some(written) = services.store().write_bulk_part(&part).await? else {
        // Held, stopped, or taken over: nothing of this part has happened.
        debug!(operation = %operation.id, "a part of bulk operation {} was left to others", operation.id);
        return Ok(0);
    };
    let rulings: Vec<_> = written.rulings.into_iter().flatten().collect();
    let changed = told.len() as u64 + rulings.len() as u64;
    counted(operation, &written.operation);
    if !rulings.is_empty() {
        announce_retried(services, operation.organization_id, rulings);
    }
    for some in told.chunks(DELIVERED) {
        if let Err(problem) = deliver(services, some).await {
            // Recorded they are: the reconciler of signals delivers them.
            warn!(operation = %operation.id, error = %chain(&problem), "what executions were told is delivered later");
        }
    }
    if written.operation.status.is_ended() {
        let BulkOperationRow { id, status, succeeded, failed, skipped, .. } = written.operation;
        info!(operation = %id, ?status, succeeded, failed, skipped, "bulk operation {id} has ended");
    }
    Ok(changed)
}

fn counted(before: &BulkOperationRow, after: &BulkOperationRow) {
    let kind = match before.kind {
        BulkKind::Cancel => "cancel",
        BulkKind::Pause => "pause",
        BulkKind::Resume => "resume",
        BulkKind::Retry => "retry",
    };
    if before.is_dry_run {
        return;
    }
    let outcomes = [
        ("succeeded", after.succeeded - before.succeeded),
        ("failed", after.failed - before.failed),
        ("skipped", after.skipped - before.skipped),
    ];
    for (outcome, count) in outcomes {
        let count = u64::try_from(count).unwrap_or(0);
        metrics::counter!("sluice_bulk_executions_total", "kind" => kind, "outcome" => outcome).increment(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::tests::row;

    #[test]
    fn a_rate_holds_over_ticks_and_what_they_miss_is_made_up_for_a_second_at_most() {
        let at = |due_at_ms| BulkOperationRow { rate_per_second: 100, due_at_ms: Some(due_at_ms), ..row() };
        assert_eq!(next_due(&at(10_000), 50, 10_000), 10_500);
        // A tick that is late by 400 ms is not lost.
        assert_eq!(next_due(&at(10_500), 50, 10_900), 11_000);
        // A minute without workers is no reason for a minute's work at once.
        assert_eq!(next_due(&at(10_000), 50, 70_000), 69_500);
    }
}
