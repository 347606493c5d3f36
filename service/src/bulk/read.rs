//! Reads bulk operations, and what of them was not possible.

use async_recursion::async_recursion as boxed;
use ids::BulkOperationId;
use store::{BulkFailureRow, BulkItemRow, BulkItemStatus, BulkOperationRow, Page, PageRequest};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One operation; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn operation(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<Option<BulkOperationRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let row = services.store().bulk_operation(viewer.organization, id).await?;
    Ok(row.filter(|row| is_within_reach(viewer, row)))
}

/// Whether a viewer sees an operation: one who is limited to folders sees their own alone, because those of others tell
/// of executions beyond.
pub(super) fn is_within_reach(viewer: &Viewer, row: &BulkOperationRow) -> bool {
    viewer.folders.is_none() || row.created_by == viewer.actor.id
}

fn only_own(viewer: &Viewer) -> Option<&str> {
    viewer.folders.as_ref().map(|_folders| viewer.actor.id.as_str())
}

/// A page of the operations, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<BulkOperationRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().bulk_operations(viewer.organization, only_own(viewer), request).await?)
}

/// How many operations there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().count_bulk_operations(viewer.organization, only_own(viewer)).await?)
}

/// A page of the executions that an operation could not change, oldest execution first. Whoever has the operation
/// sees them.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn failures(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
    request: &PageRequest,
) -> Result<Page<BulkFailureRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().bulk_failures(viewer.organization, id, request).await?)
}

/// How many of them are kept; the operation counts them all.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_failures(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().count_bulk_failures(viewer.organization, id).await?)
}

/// A page of the items that an operation starts, or of those of which this came, in their order. Whoever has the
/// operation sees them.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn items(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
    status: Option<BulkItemStatus>,
    request: &PageRequest,
) -> Result<Page<BulkItemRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().bulk_items(viewer.organization, id, status, request).await?)
}

/// How many of them there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_items(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
    status: Option<BulkItemStatus>,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().count_bulk_items(viewer.organization, id, status).await?)
}
