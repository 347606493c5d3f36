//! Switches a workflow on and off. Disabled, it ignores triggers and starts; what runs goes on.

use async_recursion::async_recursion as boxed;
use ids::WorkflowId;
use serde_json::json;
use store::WorkflowRow;

use super::state::{overtaken, reached, unknown, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Lets triggers and callers start the workflow.
///
/// # Errors
/// `Forbidden`, `NOT_FOUND`, `NOT_PUBLISHED`, `WRONG_STATE` when it is archived, or the database is away.
#[boxed]
pub async fn enable(services: &Services, viewer: &Viewer, id: WorkflowId) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowPublish)?;
    writable(&reached(services, viewer, id).await?)?;
    let published = services
        .plans()
        .published(services.store(), viewer.organization, &WorkflowRef::Id(id))
        .await?
        .ok_or_else(|| unknown(id))?;
    if published.version.is_none() {
        let message = format!("workflow `{}` has no published version", published.slug);
        return Err(ServiceError::mistake(
            Mistake::new(Code::NotPublished, "id", message).with_help("Publish its draft with `workflowPublish`."),
        ));
    }
    switch(services, viewer, id, true, None).await
}

/// Keeps triggers and callers from starting the workflow.
///
/// # Errors
/// `Forbidden`, `NOT_FOUND`, `WRONG_STATE` when it is archived, or the database is away.
#[boxed]
pub async fn disable(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    reason: Option<String>,
) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowPublish)?;
    writable(&reached(services, viewer, id).await?)?;
    switch(services, viewer, id, false, reason).await
}

async fn switch(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    is_enabled: bool,
    reason: Option<String>,
) -> Result<WorkflowRow, ServiceError> {
    let now_ms = services.now().0;
    let row = services.store().set_enabled(viewer.organization, id, is_enabled, reason.clone(), now_ms).await?;
    let Some(row) = row else { return Err(overtaken(services, viewer, id, None).await) };
    let named = if is_enabled { "workflow.enabled" } else { "workflow.disabled" };
    let change = Change::of("workflow", row.id, &row.slug).named(named);
    viewer.origin.trail.note(change.after(json!({ "isEnabled": is_enabled })).because(reason));
    services.plans().forget(viewer.organization, row.id, &row.slug).await;
    Ok(row)
}
