//! Use cases of failures by cause: which there are, and which of them are looked after.

mod fingerprint;

use async_recursion::async_recursion as boxed;
use ids::ErrorGroupId;
use serde_json::json;
use store::{ErrorGroupQuery, ErrorGroupRow, ErrorGroupStatus};

use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::statistics::Scope;
use crate::viewer::{Permission, Viewer};

pub use fingerprint::{Causes, Failure, MAX_NEW};

/// Most characters of a note.
const MAX_NOTE: usize = 1_000;

/// The causes of failures in a window, the most frequent first; in any state when `status` is absent.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn list(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
    status: Option<ErrorGroupStatus>,
) -> Result<Vec<ErrorGroupRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let (from, to) = scope.window.slices();
    let folders = viewer.folders.as_deref().map(<[String]>::to_vec);
    let query = ErrorGroupQuery { from, to, workflows: scope.workflows.clone(), folders, status };
    Ok(services.store().error_groups(viewer.organization, &query).await?)
}

/// Marks a cause as open, resolved or ignored. One that is resolved is open again when it comes back.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `TOO_LARGE` for a note of more than 1,000 characters; the database is away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: ErrorGroupId,
    status: ErrorGroupStatus,
    note: Option<String>,
) -> Result<ErrorGroupRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
        let message = format!("the note has more than {MAX_NOTE} characters");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "note", message)));
    }
    let before = found(services, viewer, id).await?;
    let name = |status: ErrorGroupStatus| json!({ "status": format!("{status:?}").to_lowercase() });
    let change = Change::of("error_group", id, before.code.as_str()).named("error_group.updated");
    viewer.origin.trail.note(change.before(name(before.status)).after(name(status)).because(note));
    services.store().set_error_group_status(viewer.organization, id, status, services.now().0).await?;
    found(services, viewer, id).await
}

async fn found(services: &Services, viewer: &Viewer, id: ErrorGroupId) -> Result<ErrorGroupRow, ServiceError> {
    let group = services.store().error_group(viewer.organization, id).await?;
    if let Some(group) = group
        && reach::workflow(services, viewer, group.workflow_id).await?
    {
        return Ok(group);
    }
    Err(ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("error group {id} does not exist"))))
}
