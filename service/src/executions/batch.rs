//! Starts many executions at once; each succeeds or fails for itself.

use async_recursion::async_recursion as boxed;
use serde_json::json;
use store::NewExecution;

use super::prepare::{self, StartRequest};
use super::start::{Push, Started, announce, settle};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most executions in one batch.
pub const MAX_BATCH: usize = 1_000;

/// Starts `requests`, in the order given; the results are in the same order.
///
/// # Errors
/// Only for the batch as a whole: `Forbidden`, too many items, the database away.
#[boxed]
pub async fn start_batch(
    services: &Services,
    viewer: &Viewer,
    requests: Vec<StartRequest>,
) -> Result<Vec<Result<Started, ServiceError>>, ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    if requests.len() > MAX_BATCH {
        let message = format!("a batch has at most {MAX_BATCH} items, not {}", requests.len());
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "items", message)));
    }
    let mut results: Vec<Option<Result<Started, ServiceError>>> = Vec::with_capacity(requests.len());
    let mut rows: Vec<NewExecution> = Vec::with_capacity(requests.len());
    for request in requests {
        match prepare::prepare(services, viewer, request).await {
            Ok(prepared) => {
                rows.push(prepared.execution);
                results.push(None);
            }
            Err(error @ ServiceError::Unavailable(_)) => return Err(error),
            Err(error) => results.push(Some(Err(error))),
        }
    }
    let mut pushes: Vec<Option<Push>> = rows.iter().map(|row| Some(Push::of(row))).collect();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let admitted = services.admission().admit(rows.iter().map(|row| row.input.len()))?;
    let outcomes = services.store().start_many(rows).await?;
    drop(admitted);
    let mut new = Vec::with_capacity(ids.len());
    let mut settled = outcomes.into_iter().enumerate().map(|(index, outcome)| {
        let started = outcome.map_err(ServiceError::from).and_then(|outcome| settle(ids[index], outcome));
        if started.as_ref().is_ok_and(|started| started.is_new) {
            new.extend(pushes[index].take());
        }
        started
    });
    let results: Vec<Result<Started, ServiceError>> = results
        .into_iter()
        .map(|result| result.or_else(|| settled.next()).unwrap_or_else(|| Err(missing_outcome())))
        .collect();
    drop(settled);
    viewer.origin.trail.note(noted(viewer, &results));
    announce(services, new);
    Ok(results)
}

/// What the audit log tells of a batch: one entry, whatever its size.
fn noted(viewer: &Viewer, results: &[Result<Started, ServiceError>]) -> Change {
    const NAMED: usize = 20;
    let started = || results.iter().flatten().filter(|started| started.is_new);
    let first: Vec<_> = started().take(NAMED).map(|started| started.execution).collect();
    Change::of("organization", viewer.organization, "").named("execution.batch_started").after(json!({
        "started": started().count(),
        "found": results.iter().flatten().filter(|started| !started.is_new).count(),
        "refused": results.iter().filter(|result| result.is_err()).count(),
        "firstExecutionIds": first,
    }))
}

fn missing_outcome() -> ServiceError {
    ServiceError::Internal {
        what: "the database answered for fewer executions than were given",
        source: "short answer".into(),
    }
}
