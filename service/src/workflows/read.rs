//! Reads workflows and versions.

use ids::{WorkflowId, WorkflowVersionId};
use store::{Page, PageRequest, VersionRow, WorkflowFilter, WorkflowOrder, WorkflowRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One workflow; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn workflow(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
) -> Result<Option<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflow(viewer.organization, id).await?)
}

/// One workflow by its slug; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn workflow_by_slug(
    services: &Services,
    viewer: &Viewer,
    slug: &str,
) -> Result<Option<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflow_by_slug(viewer.organization, slug).await?)
}

/// Several workflows, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn workflows_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[WorkflowId],
) -> Result<Vec<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflows_by_ids(viewer.organization, ids).await?)
}

/// A page of the workflows that fit.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &WorkflowFilter,
    order: WorkflowOrder,
    request: &PageRequest,
) -> Result<Page<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflows(viewer.organization, filter, order, request).await?)
}

/// How many workflows fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
pub async fn count(services: &Services, viewer: &Viewer, filter: &WorkflowFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().count_workflows(viewer.organization, filter).await?)
}

/// One version; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn version(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowVersionId,
) -> Result<Option<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().version(viewer.organization, id).await?)
}

/// One version by its number; `None` when the workflow has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn version_by_number(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    number: i32,
) -> Result<Option<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().version_by_number(viewer.organization, workflow, number).await?)
}

/// Several versions, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn versions_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[WorkflowVersionId],
) -> Result<Vec<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().versions_by_ids(viewer.organization, ids).await?)
}

/// A page of a workflow's versions, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn versions(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    request: &PageRequest,
) -> Result<Page<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().versions(viewer.organization, workflow, request).await?)
}
