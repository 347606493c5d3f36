//! Reads workflows and versions.

use async_recursion::async_recursion as boxed;
use ids::{WorkflowId, WorkflowVersionId};
use store::{Page, PageRequest, VersionRow, WorkflowFilter, WorkflowOrder, WorkflowRow};

use crate::error::ServiceError;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One workflow; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn workflow(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
) -> Result<Option<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflow(viewer.organization, id).await?.filter(|row| reach::has(viewer, row)))
}

/// One workflow by its slug; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn workflow_by_slug(
    services: &Services,
    viewer: &Viewer,
    slug: &str,
) -> Result<Option<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflow_by_slug(viewer.organization, slug).await?.filter(|row| reach::has(viewer, row)))
}

/// Several workflows, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn workflows_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[WorkflowId],
) -> Result<Vec<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let mut rows = services.store().workflows_by_ids(viewer.organization, ids).await?;
    rows.retain(|row| reach::has(viewer, row));
    Ok(rows)
}

/// A page of the workflows that fit.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &WorkflowFilter,
    order: WorkflowOrder,
    request: &PageRequest,
) -> Result<Page<WorkflowRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().workflows(viewer.organization, &reach::of_workflows(viewer, filter), order, request).await?)
}

/// How many workflows fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &WorkflowFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().count_workflows(viewer.organization, &reach::of_workflows(viewer, filter)).await?)
}

/// One version; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn version(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowVersionId,
) -> Result<Option<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(versions_by_ids(services, viewer, &[id]).await?.pop())
}

/// One version by its number; `None` when the workflow has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn version_by_number(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    number: i32,
) -> Result<Option<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    if !reach::workflow(services, viewer, workflow).await? {
        return Ok(None);
    }
    Ok(services.store().version_by_number(viewer.organization, workflow, number).await?)
}

/// Several versions, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn versions_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[WorkflowVersionId],
) -> Result<Vec<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let mut rows = services.store().versions_by_ids(viewer.organization, ids).await?;
    if viewer.folders.is_some() {
        let workflows: Vec<WorkflowId> = rows.iter().map(|row| row.workflow_id).collect();
        let within = workflows_by_ids(services, viewer, &workflows).await?;
        rows.retain(|row| within.iter().any(|workflow| workflow.id == row.workflow_id));
    }
    Ok(rows)
}

/// How many versions a workflow has.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_versions(services: &Services, viewer: &Viewer, workflow: WorkflowId) -> Result<u64, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    if !reach::workflow(services, viewer, workflow).await? {
        return Ok(0);
    }
    Ok(services.store().count_versions(viewer.organization, workflow).await?)
}

/// A page of a workflow's versions, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn versions(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    request: &PageRequest,
) -> Result<Page<VersionRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    if !reach::workflow(services, viewer, workflow).await? {
        return Ok(Page { rows: Vec::new(), has_next: false, has_previous: false });
    }
    Ok(services.store().versions(viewer.organization, workflow, request).await?)
}
