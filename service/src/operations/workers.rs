//! The workers of the installation, and asking one to drain.

use async_recursion::async_recursion as boxed;
use ids::WorkerId;
use store::{Page, PageRequest, WorkerRow};

use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerStatus {
    /// At work.
    Ready,
    /// Takes no new work.
    Draining,
    /// Ended in order.
    Stopped,
    /// No sign of life for longer than its lease.
    Lost,
}

/// Where a worker stands at `now_ms`.
#[must_use]
pub const fn status_of(worker: &WorkerRow, now_ms: i64) -> WorkerStatus {
    if worker.stopped_at_ms.is_some() {
        WorkerStatus::Stopped
    } else if worker.heartbeat_at_ms.saturating_add(worker.lease_ms) < now_ms {
        WorkerStatus::Lost
    } else if worker.draining || worker.drain_asked_at_ms.is_some() {
        WorkerStatus::Draining
    } else {
        WorkerStatus::Ready
    }
}

/// A page of the workers, newest first; those that are gone stay in it for an hour.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn workers(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<WorkerRow>, ServiceError> {
    viewer.require(Permission::OperationsRead)?;
    Ok(services.store().workers(request).await?)
}

/// How many workers there are to page through; false when counting stopped.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_workers(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::OperationsRead)?;
    Ok(services.store().count_workers().await?)
}

/// Asks a worker to take no more work, finish what it has, and end.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it is lost; the database away.
#[boxed]
pub async fn drain(services: &Services, viewer: &Viewer, id: WorkerId) -> Result<WorkerRow, ServiceError> {
    viewer.require(Permission::OperationsWrite)?;
    let mistake = |code, message| ServiceError::mistake(Mistake::new(code, "id", message));
    let now_ms = services.now().0;
    let known = services.store().workers_by_ids(&[id]).await?.pop();
    let known = known.ok_or_else(|| mistake(Code::NotFound, format!("there is no worker {id}")))?;
    if status_of(&known, now_ms) == WorkerStatus::Lost {
        return Err(mistake(Code::WrongState, format!("worker {id} gives no sign of life, so it hears nothing")));
    }
    let asked = services.store().ask_to_drain(id, now_ms).await?;
    viewer.origin.trail.note(Change::of("worker", id, &known.name).named("worker.drain_asked"));
    asked.ok_or_else(|| mistake(Code::NotFound, format!("there is no worker {id}")))
}
