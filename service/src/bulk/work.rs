//! A tick: goes on with operations that are due, a part of one after the other.
//!
//! A part is claimed, read, decided over, and written as a whole together with the place that was reached. Whoever
//! dies in between leaves nothing behind but a claim that runs out; what they had not written, somebody else does.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use store::{BulkKind, BulkOperationRow, BulkPart, BulkStatus, ExecutionFilter};

use super::item::Deciding;
use super::part::{self, Part, write};
use super::start::Arguments;
use super::{kinds, starting, walk};
use crate::error::ServiceError;
use crate::identity::{Principal, standing};
use crate::services::Services;

/// How long whoever claimed an operation may take for a part; others go on then.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// No further part begins in this tick after so long: other reconcilers wait.
const BUDGET: Duration = Duration::from_millis(500);
/// Executions that are counted at a time.
const COUNTED: u64 = 10_000;

/// Goes on with what is due; returns how many executions were changed.
///
/// Any number of processes may do it at once, and each of them may die anywhere: an execution is told once.
///
/// # Errors
/// When the database is away; others go on.
#[boxed]
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
    let arguments: Arguments = operation.arguments.as_deref().map(read).transpose()?.unwrap_or_default();
    let Some(viewer) = viewer.filter(|viewer| kinds::may(viewer, operation.kind, &arguments).is_ok()) else {
        let why = "whoever asked for it may not control executions like this any more";
        let part = BulkPart {
            status: BulkStatus::Failed,
            status_reason: Some(why.to_owned()),
            due_at_ms: None,
            ..unchanged(services, &operation)
        };
        return write(services, &operation, Part::of(part)).await;
    };
    if operation.kind == BulkKind::Start {
        let deciding = Deciding::new(services, &viewer, &operation, &arguments);
        let part = starting::decided(&deciding, unchanged(services, &operation)).await?;
        return write(services, &operation, part).await;
    }
    let asked: ExecutionFilter = read(&operation.filter)?;
    let filter = walk::filter(&operation, &asked, &arguments, &viewer);
    let part = if operation.is_counted {
        let mut deciding = Deciding::new(services, &viewer, &operation, &arguments);
        part::decided(&mut deciding, &filter, unchanged(services, &operation)).await?
    } else {
        Part::of(count(services, &operation, &filter).await?)
    };
    write(services, &operation, part).await
}

/// What this release wrote. What it does not understand, a newer one may: the claim runs out, and others try.
pub(super) fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, ServiceError> {
    serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a bulk operation cannot be read", source: error.into() })
}

/// A part in which nothing happens.
pub(super) fn unchanged(services: &Services, operation: &BulkOperationRow) -> BulkPart {
    BulkPart {
        organization_id: operation.organization_id,
        operation_id: operation.id,
        epoch: operation.epoch,
        sends: Vec::new(),
        rulings: Vec::new(),
        relocations: Vec::new(),
        deletions: Vec::new(),
        has_happened: false,
        failures: Vec::new(),
        results: Vec::new(),
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
