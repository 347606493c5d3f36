//! A part of an operation that starts executions: the next of its items.

use async_recursion::async_recursion as boxed;
use store::{BulkFailureRow, BulkItemRow, BulkItemStatus, BulkOperationRow, BulkPart, BulkStatus, NewExecution};

use super::item::Deciding;
use super::kinds;
use super::part::{Part, next_due};
use super::starts::{PATIENCE, request};
use super::work::LEASE;
use crate::error::ServiceError;
use crate::executions::{Started, start_recorded, to_start};

/// Starts the next items; `written` is the part in which nothing happens.
///
/// They are started before the part is written, each under the id that it was given when it was accepted: whoever
/// repeats the part finds them.
///
/// # Errors
/// Only what may succeed later: the database away, or too busy.
#[boxed]
pub async fn decided(deciding: &Deciding<'_>, mut written: BulkPart) -> Result<Part, ServiceError> {
    let (services, operation) = (deciding.services, deciding.operation);
    if !operation.is_counted {
        return Ok(Part::of(still_open(operation, written)));
    }
    let begin = operation.succeeded + operation.failed + operation.skipped;
    let size = Ord::min(kinds::size(operation.kind), u64::try_from(operation.rate_per_second).unwrap_or(1).max(1));
    let items = services.store().bulk_items_from(operation.organization_id, operation.id, begin, size).await?;
    // A part that is not written before the claim runs out is done again by others, for ever if it is always so slow.
    let until = services.now().plus(LEASE / 2);
    let (mut passed, mut ready) = (0, Vec::new());
    for item in items {
        if passed > 0 && services.now() >= until {
            break;
        }
        passed += 1;
        let asked = request(item.start.as_deref().unwrap_or_default(), &operation.reason)?;
        match to_start(services, deciding.viewer, item.execution_id, asked).await {
            Ok(new) => ready.push((item, new)),
            Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => return Err(problem),
            Err(problem) => refuse(deciding, item, &problem, &mut written),
        }
    }
    if operation.is_dry_run {
        for (item, _new) in ready {
            let execution_id = item.execution_id;
            note(item, &Started { execution: execution_id, is_new: true }, &mut written);
        }
    } else if !ready.is_empty() {
        start(deciding, ready, &mut written).await?;
        written.has_happened = true;
    }
    let now_at = begin.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
    if passed > 0 && now_at < operation.total {
        written.due_at_ms = Some(next_due(operation, passed, services.now().0));
    } else {
        written.status = BulkStatus::Completed;
        written.due_at_ms = None;
    }
    Ok(Part::of(written))
}

/// It waits for its last items, for a day at most.
fn still_open(operation: &BulkOperationRow, written: BulkPart) -> BulkPart {
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    let until_ms = operation.created_at_ms.saturating_add(patience_ms);
    if written.at_ms < until_ms {
        return BulkPart { due_at_ms: Some(until_ms), ..written };
    }
    let why = "its last items did not come within 24 hours: nothing was started";
    BulkPart { status: BulkStatus::Failed, status_reason: Some(why.to_owned()), due_at_ms: None, ..written }
}

async fn start(
    deciding: &Deciding<'_>,
    ready: Vec<(BulkItemRow, NewExecution)>,
    written: &mut BulkPart,
) -> Result<(), ServiceError> {
    let (items, new): (Vec<BulkItemRow>, Vec<NewExecution>) = ready.into_iter().unzip();
    for (item, started) in items.into_iter().zip(start_recorded(deciding.services, new).await?) {
        match started {
            Ok(started) => note(item, &started, written),
            Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => return Err(problem),
            Err(problem) => refuse(deciding, item, &problem, written),
        }
    }
    Ok(())
}

/// It was started, or its key stood for an execution that was there.
fn note(item: BulkItemRow, started: &Started, written: &mut BulkPart) {
    let status = if started.is_new {
        written.succeeded += 1;
        BulkItemStatus::Started
    } else {
        written.skipped += 1;
        BulkItemStatus::Found
    };
    written.results.push(BulkItemRow { execution_id: started.execution, status, start: None, ..item });
}

fn refuse(deciding: &Deciding<'_>, item: BulkItemRow, problem: &ServiceError, written: &mut BulkPart) {
    let failure = deciding.failure(item.execution_id, problem);
    written.results.push(BulkItemRow {
        status: BulkItemStatus::Refused,
        start: None,
        code: Some(failure.code.clone()),
        message: Some(failure.message.clone()),
        ..item
    });
    written.failures.push(BulkFailureRow { item: Some(item.number), ..failure });
}
