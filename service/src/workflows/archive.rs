//! Puts workflows away: archives them, brings them back, deletes them with their history.

use async_recursion::async_recursion as boxed;
use ids::WorkflowId;
use serde_json::json;
use store::{Retention, Sweep, WorkflowDeletion, WorkflowRow};

use super::state::{reached, unknown};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::executions::check_reason;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Deleted workflows that are looked at in one pass.
const WORKFLOWS: u64 = 50;
/// Executions that are removed in one transaction.
const GROUP: u64 = 200;
/// Groups of one workflow in one pass.
const GROUPS: usize = 20;

/// Hides a workflow: it is disabled, and left out of lists. What runs goes on, and its history stays.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn archive(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    reason: Option<String>,
) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowDelete)?;
    check_reason(reason.as_deref())?;
    let row = reached(services, viewer, id).await?;
    if row.archived_at_ms.is_some() {
        return Ok(row);
    }
    let now_ms = services.now().0;
    let archived = services.store().archive_workflow(viewer.organization, id, reason.clone(), now_ms).await?;
    // Somebody else archived it at the same moment.
    let Some(archived) = archived else { return reached(services, viewer, id).await };
    let change = Change::of("workflow", id, archived.slug.as_str()).named("workflow.archived");
    let before = json!({ "isEnabled": row.is_enabled, "versionNumber": row.published_number });
    viewer.origin.trail.note(change.before(before).because(reason));
    services.plans().forget(viewer.organization, id, &archived.slug).await;
    Ok(archived)
}

/// Brings an archived workflow back; it stays disabled.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn restore(services: &Services, viewer: &Viewer, id: WorkflowId) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowDelete)?;
    let row = reached(services, viewer, id).await?;
    if row.archived_at_ms.is_none() {
        return Ok(row);
    }
    let restored = services.store().restore_workflow(viewer.organization, id, services.now().0).await?;
    let Some(restored) = restored else { return reached(services, viewer, id).await };
    let change = Change::of("workflow", id, restored.slug.as_str()).named("workflow.restored");
    viewer.origin.trail.note(change);
    services.plans().forget(viewer.organization, id, &restored.slug).await;
    Ok(restored)
}

/// Deletes an archived workflow of which nothing runs, with its versions and all that it ever ran. The caller has to
/// name its slug, as a safeguard. It is gone at once; its rows go bit by bit.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID` for another slug; `WRONG_STATE` when it is not archived; `IN_USE` when
/// executions of it have not ended; the database away.
#[boxed]
pub async fn delete(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    confirm_slug: &str,
) -> Result<(), ServiceError> {
    viewer.require(Permission::WorkflowDelete)?;
    let row = reached(services, viewer, id).await?;
    if row.slug != confirm_slug {
        let message = "this is not the slug of the workflow";
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "confirmSlug", message)));
    }
    match services.store().delete_workflow(viewer.organization, id, services.now().0).await? {
        WorkflowDeletion::Deleted => {
            let change = Change::of("workflow", id, row.slug.as_str()).named("workflow.deleted");
            viewer.origin.trail.note(change.before(json!({ "versionNumber": row.published_number })));
            services.plans().forget(viewer.organization, id, &row.slug).await;
            Ok(())
        }
        WorkflowDeletion::NotArchived if row.archived_at_ms.is_some() => Err(unknown(id)),
        WorkflowDeletion::NotArchived => {
            let mistake = Mistake::new(Code::WrongState, "id", format!("workflow `{}` is not archived", row.slug));
            Err(ServiceError::mistake(mistake.with_help("Archive it with `workflowArchive` first.")))
        }
        WorkflowDeletion::HasLive => {
            let message = format!("executions of workflow `{}` have not ended", row.slug);
            let mistake = Mistake::new(Code::InUse, "id", message);
            Err(ServiceError::mistake(mistake.with_help("Wait for their end, or cancel them.")))
        }
    }
}

/// Removes some of what deleted workflows leave behind; returns how many executions.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn sweep(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let mut deleted = 0;
    for (organization, workflow) in services.store().deleted_workflows(WORKFLOWS).await? {
        let retention = Retention { completed_ms: Some(0), failed_ms: Some(0), cancelled_ms: Some(0) };
        let mut after = None;
        for _group in 0..GROUPS {
            let look = Sweep { organization, workflow, retention, after };
            let swept = services.store().sweep(&look, now_ms, GROUP).await?;
            deleted += swept.deleted;
            after = swept.next;
            if after.is_none() {
                services.store().purge_workflow(organization, workflow).await?;
                break;
            }
        }
    }
    metrics::counter!("sluice_retention_deleted_total", "what" => "executions").increment(deleted);
    Ok(deleted)
}
