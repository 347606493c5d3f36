//! Starts executions whose ids were recorded before: starting one again starts nothing twice, however much later.

use async_recursion::async_recursion as boxed;
use ids::{ExecutionId, OrganizationId};
use store::{NewExecution, StartOutcome, StoreError};

use super::prepare::{self, StartRequest};
use super::start::{Push, Started, announce, settle};
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::Viewer;

/// Bytes of input that are recorded at once, unless one alone has more.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;

/// A start that was planned, by the engine itself.
#[derive(Debug, Clone)]
pub struct PlannedStart {
    /// Whose.
    pub organization: OrganizationId,
    /// The id that the execution gets.
    pub id: ExecutionId,
    /// What to start.
    pub request: StartRequest,
}

/// Starts them, each for itself; the results are in the same order. One that was started before is found.
///
/// # Errors
/// Only for all of them: the database is away, or takes no more at this moment.
#[boxed]
pub async fn start_planned(
    services: &Services,
    starts: Vec<PlannedStart>,
) -> Result<Vec<Result<ExecutionId, ServiceError>>, ServiceError> {
    let mut results: Vec<Option<Result<ExecutionId, ServiceError>>> = Vec::with_capacity(starts.len());
    let mut rows: Vec<NewExecution> = Vec::with_capacity(starts.len());
    for start in starts {
        let viewer = Viewer::system(start.organization);
        match prepare::prepare(services, &viewer, start.request).await {
            Ok(prepared) => {
                rows.push(NewExecution { id: start.id, ..prepared.execution });
                results.push(None);
            }
            Err(error @ ServiceError::Unavailable(_)) => return Err(error),
            Err(error) => results.push(Some(Err(error))),
        }
    }
    if rows.is_empty() {
        return Ok(results.into_iter().flatten().collect());
    }
    let mut settled = start_rows(services, rows).await?.into_iter();
    let missing =
        || ServiceError::Internal { what: "the database answered for fewer executions", source: "short".into() };
    let each = |result: Option<_>| result.or_else(|| settled.next()).unwrap_or_else(|| Err(missing()));
    Ok(results.into_iter().map(each).collect())
}

/// Starts what was prepared, each for itself; the results are in the same order. What was started before, under the
/// same id or the same key, is found.
///
/// # Errors
/// As [`start_planned`].
pub(crate) async fn start_rows(
    services: &Services,
    rows: Vec<NewExecution>,
) -> Result<Vec<Result<ExecutionId, ServiceError>>, ServiceError> {
    let outcomes = started(services, rows).await?.into_iter();
    Ok(outcomes
        .map(|(own, outcome)| match outcome {
            Ok(StartOutcome::Existing { execution_id, .. }) => Ok(execution_id),
            Ok(outcome) => settle(own, outcome).map(|started| started.execution),
            Err(problem) => Err(problem),
        })
        .collect())
}

/// A new execution with the id that was recorded for it, checked and not yet started.
///
/// # Errors
/// As a start, but for the permission.
pub(crate) async fn to_start(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    request: StartRequest,
) -> Result<NewExecution, ServiceError> {
    Ok(NewExecution { id, ..prepare::prepare(services, viewer, request).await?.execution })
}

/// Starts what was prepared under ids that were recorded before, each for itself; the results are in the same order.
/// What was started before under its own id is new still; a key that stands for another execution finds it, or is told
/// as `DUPLICATE` when something else was asked for.
///
/// # Errors
/// As [`start_planned`].
pub(crate) async fn start_recorded(
    services: &Services,
    rows: Vec<NewExecution>,
) -> Result<Vec<Result<Started, ServiceError>>, ServiceError> {
    let outcomes = started(services, rows).await?.into_iter();
    Ok(outcomes
        .map(|(own, outcome)| match outcome {
            Ok(StartOutcome::Existing { execution_id, .. }) if execution_id == own => {
                Ok(Started { execution: own, is_new: true })
            }
            Ok(outcome) => settle(own, outcome),
            Err(problem) => Err(problem),
        })
        .collect())
}

/// Records them, tells who listens of the new ones, and answers with the id that each was to have.
async fn started(
    services: &Services,
    rows: Vec<NewExecution>,
) -> Result<Vec<(ExecutionId, Result<StartOutcome, ServiceError>)>, ServiceError> {
    let mut pushes: Vec<Option<Push>> = rows.iter().map(|row| Some(Push::of(row))).collect();
    let ids: Vec<ExecutionId> = rows.iter().map(|row| row.id).collect();
    let outcomes = record(services, rows).await?;
    let mut new = Vec::with_capacity(ids.len());
    let settled = outcomes.into_iter().zip(&ids).enumerate().map(|(index, (outcome, own))| {
        let outcome = match outcome {
            // Its id is there, so it was started: nobody else gives that id.
            Err(StoreError::Conflict { constraint, .. }) if is_own_id(&constraint) => {
                Ok(StartOutcome::Existing { execution_id: *own, same_fingerprint: true })
            }
            outcome => outcome.map_err(ServiceError::from),
        };
        if matches!(outcome, Ok(StartOutcome::New { .. })) {
            new.extend(pushes[index].take());
        }
        (*own, outcome)
    });
    let settled = settled.collect();
    announce(services, new);
    Ok(settled)
}

/// In parts, so that what is large waits for its turn rather than for ever.
async fn record(
    services: &Services,
    mut rows: Vec<NewExecution>,
) -> Result<Vec<Result<StartOutcome, StoreError>>, ServiceError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    while !rows.is_empty() {
        let mut bytes = 0;
        let fits = |row: &&NewExecution| {
            let is_first = bytes == 0;
            bytes += row.input.len();
            is_first || bytes <= MOST_BYTES
        };
        let count = rows.iter().take_while(fits).count();
        let part: Vec<NewExecution> = rows.drain(..count).collect();
        let admitted = services.admission().admit(part.iter().map(|row| row.input.len()))?;
        outcomes.extend(services.store().start_many(part).await?);
        drop(admitted);
    }
    Ok(outcomes)
}

/// PostgreSQL names the constraint, SQLite the column.
fn is_own_id(constraint: &str) -> bool {
    matches!(constraint, "execution_pkey" | "execution.id")
}
