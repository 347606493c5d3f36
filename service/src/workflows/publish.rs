//! Publishes a workflow's draft as a new, immutable version.

use async_recursion::async_recursion as boxed;
use engine::problem::Problem;
use ids::WorkflowId;
use serde_json::json;
use store::{PublishOutcome, VersionRow, WorkflowRow};

use super::check::checked;
use super::import::{Content, format_from_name};
use super::state::{moved_on, not_published, reached, seen, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What to publish.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Revision that was seen; any when absent.
    pub expected_revision: Option<i32>,
    /// Free label; the definition's `version` when absent.
    pub label: Option<String>,
    /// What changed.
    pub changelog: Option<String>,
    /// Enable it too.
    pub enable: bool,
    /// Only check.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct PublishResult {
    /// The workflow as it is now.
    pub workflow: WorkflowRow,
    /// The new version; absent when there are errors, or with `dry_run`.
    pub version: Option<VersionRow>,
    /// What stands in the way, and warnings.
    pub problems: Vec<Problem>,
}

/// Publishes the draft.
///
/// # Errors
/// `Forbidden`, also when it names secrets and the viewer may not use them; `NOT_FOUND`, `WRONG_STATE` without a draft
/// or when it is archived, `CONFLICT` when the revision has moved on, `DEFINITION_INVALID` when it is the definition of
/// another workflow; the database away.
#[boxed]
pub async fn publish(
    services: &Services,
    viewer: &Viewer,
    request: PublishRequest,
) -> Result<PublishResult, ServiceError> {
    viewer.require(Permission::WorkflowPublish)?;
    let store = services.store();
    let workflow = reached(services, viewer, request.workflow).await?;
    seen(&workflow, request.expected_revision)?;
    writable(&workflow)?;
    let (Some(source), Some(format)) = (&workflow.draft_source, &workflow.draft_format) else {
        let message = format!("workflow `{}` has no draft to publish", workflow.slug);
        return Err(ServiceError::mistake(
            Mistake::new(Code::WrongState, "id", message)
                .with_help("Save one with `workflowDraftSave`, or import a changed definition."),
        ));
    };
    let format = format_from_name(format);
    let (checked, known) = checked(services, viewer.organization, source, format).await?;
    let (Some(definition), Some(canonical)) = (checked.definition, checked.canonical) else {
        return Ok(PublishResult { workflow, version: None, problems: checked.problems });
    };
    if definition.workflow_id != workflow.slug {
        let message = format!("the draft is of workflow `{}`, not of `{}`", definition.workflow_id, workflow.slug);
        let mistake = Mistake::new(Code::DefinitionInvalid, "id", message);
        return Err(ServiceError::mistake(mistake.with_help("Make its `workflow_id` the slug of this workflow.")));
    }
    known.parts.allow(viewer)?;
    if request.dry_run {
        return Ok(PublishResult { workflow, version: None, problems: checked.problems });
    }
    let (number, was_enabled) = (workflow.published_number, workflow.is_enabled);
    let enable = request.enable && definition.enabled;
    let content = Content::new(source.clone(), format, definition, &canonical, &checked.problems).naming(&known);
    let version = content.version(services, viewer, workflow.id, request.label, request.changelog);
    // Conditional on the revision that was read: a draft that was saved meanwhile is not published unseen.
    let published = store.publish(version, content.triggers(), enable.then_some(true), workflow.revision).await;
    match published.map_err(not_published(&workflow.slug))? {
        PublishOutcome::Published { workflow, version } => {
            let change = Change::of("workflow", workflow.id, &workflow.slug).named("workflow.published");
            let before = json!({ "versionNumber": number, "isEnabled": was_enabled });
            let after = json!({
                "versionNumber": version.number,
                "checksum": version.checksum,
                "isEnabled": workflow.is_enabled,
            });
            viewer.origin.trail.note(change.before(before).after(after));
            services.plans().forget(viewer.organization, workflow.id, &workflow.slug).await;
            Ok(PublishResult { workflow, version: Some(version), problems: checked.problems })
        }
        PublishOutcome::RevisionMovedOn => Err(moved_on(&workflow, request.expected_revision)),
    }
}
