//! What people say about approvals.

use async_recursion::async_recursion as boxed;
use ids::{ApprovalCommentId, ApprovalId};
use queue::Notice;
use store::{ApprovalRow, NewComment};

use super::decide::unknown;
use super::read::within_reach;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest comment, in characters.
const MAX_BODY: usize = 10_000;

/// Adds a comment, whatever the approval has come to.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `REQUIRED` and `TOO_LARGE` for the text; the database away.
#[boxed]
pub async fn comment(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    body: String,
) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    if body.trim().is_empty() {
        return Err(ServiceError::mistake(Mistake::new(Code::Required, "body", "a comment has a text")));
    }
    if body.chars().count() > MAX_BODY {
        let message = format!("a comment has at most {MAX_BODY} characters");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "body", message)));
    }
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    let new = NewComment {
        id: ApprovalCommentId::new(),
        organization_id: viewer.organization,
        approval_id: id,
        actor: viewer.actor.id.clone(),
        body,
        at_ms: services.now().0,
    };
    // That something was said, and not what: that stands with the approval.
    viewer.origin.trail.note(Change::of("approval", id, row.step_path).named("approval.commented"));
    let row = services.store().comment_approval(new).await?.ok_or_else(|| unknown(id))?;
    services.notices().publish(vec![Notice::told(viewer.organization, row.execution_id)]);
    Ok(row)
}
