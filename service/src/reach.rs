//! Folders: what of workflows and executions a viewer reaches. What they do not reach does not exist for them; whoever
//! has no folders pays nothing for the question.

use async_recursion::async_recursion as boxed;
use std::borrow::Cow;

use ids::{ExecutionId, WorkflowId};
use store::{ExecutionFilter, ExecutionRow, WorkflowFilter, WorkflowRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::Viewer;

/// Whether a workflow is within reach.
pub fn has(viewer: &Viewer, workflow: &WorkflowRow) -> bool {
    viewer.reaches(&workflow.namespace)
}

/// Whether the workflow with this id is within reach; one that does not exist is not.
#[boxed]
pub async fn workflow(services: &Services, viewer: &Viewer, id: WorkflowId) -> Result<bool, ServiceError> {
    if viewer.folders.is_none() {
        return Ok(true);
    }
    let row = services.store().workflow(viewer.organization, id).await?;
    Ok(row.is_some_and(|row| has(viewer, &row)))
}

/// The execution, if its workflow is within reach.
#[boxed]
pub async fn execution(
    services: &Services,
    viewer: &Viewer,
    row: Option<ExecutionRow>,
) -> Result<Option<ExecutionRow>, ServiceError> {
    match row {
        Some(row) if workflow(services, viewer, row.workflow_id).await? => Ok(Some(row)),
        _none_or_beyond => Ok(None),
    }
}

/// Those of `ids` that are within reach.
#[boxed]
pub async fn executions<'a>(
    services: &Services,
    viewer: &Viewer,
    ids: &'a [ExecutionId],
) -> Result<Cow<'a, [ExecutionId]>, ServiceError> {
    if viewer.folders.is_none() {
        return Ok(Cow::Borrowed(ids));
    }
    let filter = of_executions(viewer, &ExecutionFilter::default()).into_owned();
    Ok(Cow::Owned(services.store().filter_executions(viewer.organization, ids, &filter).await?))
}

/// The filter, within reach.
pub fn of_executions<'a>(viewer: &Viewer, filter: &'a ExecutionFilter) -> Cow<'a, ExecutionFilter> {
    match viewer.folders.as_deref() {
        None => Cow::Borrowed(filter),
        Some(folders) => Cow::Owned(ExecutionFilter { folders: Some(folders.to_vec()), ..filter.clone() }),
    }
}

/// The filter, within reach.
pub fn of_workflows<'a>(viewer: &Viewer, filter: &'a WorkflowFilter) -> Cow<'a, WorkflowFilter> {
    match viewer.folders.as_deref() {
        None => Cow::Borrowed(filter),
        Some(folders) => Cow::Owned(WorkflowFilter { folders: Some(folders.to_vec()), ..filter.clone() }),
    }
}
