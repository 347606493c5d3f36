//! Puts workflows into folders, which roles and keys can be limited to.

use ids::WorkflowId;
use serde_json::json;
use store::WorkflowRow;

use super::publish::unknown;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::folders;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Puts a workflow into `folder`; it stays where it is when none is named.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID` for a folder that the caller does not reach; the database away.
pub async fn move_to(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    folder: Option<&str>,
) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let row = services.store().workflow(viewer.organization, id).await?;
    let row = row.filter(|row| reach::has(viewer, row)).ok_or_else(|| unknown(id))?;
    let Some(folder) = folder.filter(|folder| *folder != row.namespace) else { return Ok(row) };
    if let Some(mistake) = folders::check_one("namespace", folder) {
        return Err(ServiceError::mistake(mistake));
    }
    if !viewer.reaches(folder) {
        let message = format!("the folder `{folder}` is out of your reach");
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "namespace", message)));
    }
    let moved = services.store().set_namespace(viewer.organization, id, folder.to_owned(), services.now().0).await?;
    let moved = moved.ok_or_else(|| unknown(id))?;
    let change = Change::of("workflow", id, moved.slug.as_str());
    let change = change.before(json!({ "namespace": row.namespace }));
    viewer.origin.trail.note(change.after(json!({ "namespace": moved.namespace })));
    Ok(moved)
}
