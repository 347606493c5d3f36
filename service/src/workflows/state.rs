//! What has to be known of a workflow before it is changed: that it is there, as it was seen, and not archived.

use ids::WorkflowId;
use store::{StoreError, WORKFLOW_ARCHIVED, WorkflowRow};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::parts::standing::unusable;
use crate::reach;
use crate::services::Services;
use crate::viewer::Viewer;

/// The workflow, if the viewer reaches it.
///
/// # Errors
/// `NOT_FOUND`, or the database is away.
pub(super) async fn reached(services: &Services, viewer: &Viewer, id: WorkflowId) -> Result<WorkflowRow, ServiceError> {
    let row = services.store().workflow(viewer.organization, id).await?;
    row.filter(|row| reach::has(viewer, row)).ok_or_else(|| unknown(id))
}

pub(super) fn unknown(id: WorkflowId) -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no workflow `{id}`")))
}

/// It is at the revision that was seen.
///
/// # Errors
/// `CONFLICT`.
pub(super) fn seen(row: &WorkflowRow, expected: Option<i32>) -> Result<(), ServiceError> {
    match expected.filter(|expected| *expected != row.revision) {
        Some(_old) => Err(moved_on(row, expected)),
        None => Ok(()),
    }
}

/// It is not archived.
///
/// # Errors
/// `WRONG_STATE`.
pub(super) fn writable(row: &WorkflowRow) -> Result<(), ServiceError> {
    if row.archived_at_ms.is_some() { Err(archived(&row.slug)) } else { Ok(()) }
}

fn archived(slug: &str) -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "id", format!("workflow `{slug}` is archived"));
    ServiceError::mistake(mistake.with_help("Bring it back with `workflowRestore` first."))
}

pub(super) fn moved_on(workflow: &WorkflowRow, expected: Option<i32>) -> ServiceError {
    let seen = expected.map_or_else(String::new, |revision| format!(", not {revision}"));
    let message =
        format!("workflow `{}` was changed meanwhile: it is at revision {}{seen}", workflow.slug, workflow.revision);
    ServiceError::mistake(
        Mistake::new(Code::Conflict, "expectedRevision", message).with_help("Read it again and decide anew."),
    )
}

/// Why a change was not made that made sense a moment ago.
pub(super) async fn overtaken(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    expected: Option<i32>,
) -> ServiceError {
    match reached(services, viewer, id).await {
        Ok(row) => writable(&row).err().unwrap_or_else(|| moved_on(&row, expected)),
        Err(problem) => problem,
    }
}

/// Of a write that violates what is unique, or comes to a workflow that is archived, what the caller can correct.
pub(super) fn not_published(slug: &str) -> impl FnOnce(StoreError) -> ServiceError + '_ {
    move |problem| match problem {
        StoreError::Conflict { constraint, .. } if constraint == WORKFLOW_ARCHIVED => archived(slug),
        other => unusable(other),
    }
}
