//! Holds bulk operations, lets them go on, stops them.

use async_recursion::async_recursion as boxed;
use ids::BulkOperationId;
use queue::Notice;
use serde_json::json;
use store::{BulkOperationRow, BulkStatus};

use super::read::is_within_reach;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Holds an operation; one that is held stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has ended; the database away.
#[boxed]
pub async fn pause(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<BulkOperationRow, ServiceError> {
    switch(services, viewer, id, BulkStatus::Paused, "bulk_operation.paused").await
}

/// Lets an operation go on; one that is not held stays as it is.
///
/// # Errors
/// As [`pause`].
#[boxed]
pub async fn resume(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<BulkOperationRow, ServiceError> {
    switch(services, viewer, id, BulkStatus::Running, "bulk_operation.resumed").await
}

/// Stops an operation for good; what is done stays done. One that was stopped stays so.
///
/// # Errors
/// As [`pause`].
#[boxed]
pub async fn cancel(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<BulkOperationRow, ServiceError> {
    switch(services, viewer, id, BulkStatus::Cancelled, "bulk_operation.cancelled").await
}

async fn switch(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
    status: BulkStatus,
    named: &'static str,
) -> Result<BulkOperationRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    let before = found(services, viewer, id).await?;
    let status_text = |status: BulkStatus| json!({ "status": format!("{status:?}").to_lowercase() });
    let change = Change::of("bulk_operation", id, "").named(named).before(status_text(before.status));
    viewer.origin.trail.note(change.after(status_text(status)));
    let switched = services.store().switch_bulk_operation(viewer.organization, id, status, services.now().0).await?;
    if let Some(row) = switched {
        services.notices().publish(vec![Notice::of(viewer.organization)]);
        return Ok(row);
    }
    let now = found(services, viewer, id).await?;
    let is_so = match status {
        BulkStatus::Running => matches!(now.status, BulkStatus::Pending | BulkStatus::Running),
        other => now.status == other,
    };
    if is_so {
        return Ok(now);
    }
    let message = format!("bulk operation {id} has ended");
    Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)))
}

async fn found(services: &Services, viewer: &Viewer, id: BulkOperationId) -> Result<BulkOperationRow, ServiceError> {
    let row = services.store().bulk_operation(viewer.organization, id).await?;
    row.filter(|row| is_within_reach(viewer, row)).ok_or_else(|| {
        let mistake = Mistake::new(Code::NotFound, "id", format!("there is no bulk operation {id}"));
        ServiceError::mistake(mistake.with_help("List what there is with `bulkOperations`."))
    })
}
