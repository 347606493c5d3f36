//! Drafts: unpublished work on a workflow. Problems do not hinder saving one, only publishing it.

use async_recursion::async_recursion as boxed;
use engine::definition::{Format, MAX_DEFINITION_BYTES};
use engine::problem::Problem;
use ids::WorkflowId;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{NewDraft, WorkflowRow};

use super::check::checked;
use super::import::{format_from_name, format_name};
use super::state::{overtaken, reached, seen, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Largest layout of a draft, in bytes of JSON.
const MAX_LAYOUT: usize = 256 * 1024;

/// A draft to save.
#[derive(Debug, Clone)]
pub struct DraftRequest {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Revision that it is based on; any when absent.
    pub expected_revision: Option<i32>,
    /// Text.
    pub source: String,
    /// Its format.
    pub format: Format,
    /// Places of the steps on a canvas; those that are there stay when absent.
    pub layout: Option<Value>,
}

/// Saves a draft, whatever is wrong with it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `TOO_LARGE`; `CONFLICT` when the revision has moved on; `WRONG_STATE` when the workflow is
/// archived; the database away.
#[boxed]
pub async fn save(services: &Services, viewer: &Viewer, request: DraftRequest) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let row = reached(services, viewer, request.workflow).await?;
    seen(&row, request.expected_revision)?;
    writable(&row)?;
    check_size("source", request.source.len(), MAX_DEFINITION_BYTES)?;
    let layout = request.layout.map(|layout| layout.to_string());
    check_size("layout", layout.as_ref().map_or(0, String::len), MAX_LAYOUT)?;
    let after = json!({ "checksum": crate::hex(&Sha256::digest(&request.source)) });
    let draft = NewDraft {
        organization_id: viewer.organization,
        workflow_id: row.id,
        expected_revision: request.expected_revision,
        source: request.source,
        format: format_name(request.format).to_owned(),
        layout,
        actor: viewer.actor.id.clone(),
        now_ms: services.now().0,
    };
    let saved = services.store().save_draft(draft).await?;
    let Some(saved) = saved else {
        return Err(overtaken(services, viewer, row.id, request.expected_revision).await);
    };
    let change = Change::of("workflow", saved.id, saved.slug.as_str()).named("workflow.drafted");
    viewer.origin.trail.note(change.before(json!({ "revision": row.revision })).after(after));
    Ok(saved)
}

/// Throws a draft away.
///
/// # Errors
/// As [`save`]; `WRONG_STATE` when there is no draft.
#[boxed]
pub async fn discard(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    expected_revision: Option<i32>,
) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let row = reached(services, viewer, id).await?;
    seen(&row, expected_revision)?;
    writable(&row)?;
    if row.draft_source.is_none() {
        let message = format!("workflow `{}` has no draft", row.slug);
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)));
    }
    let now_ms = services.now().0;
    let discarded = services.store().discard_draft(viewer.organization, id, expected_revision, now_ms).await?;
    let Some(discarded) = discarded else { return Err(overtaken(services, viewer, id, expected_revision).await) };
    let change = Change::of("workflow", id, discarded.slug.as_str()).named("workflow.draft_discarded");
    viewer.origin.trail.note(change.before(json!({ "revision": row.revision })));
    Ok(discarded)
}

/// What a check says about a draft: what stands in the way of publishing it, and its canonical form if it parses.
#[derive(Debug)]
pub struct DraftCheck {
    /// Errors and warnings.
    pub problems: Vec<Problem>,
    /// The canonical form.
    pub canonical: Option<Value>,
    /// It can be published.
    pub is_publishable: bool,
}

/// Checks the draft of a workflow; `None` when there is none.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn check_draft(
    services: &Services,
    viewer: &Viewer,
    row: &WorkflowRow,
) -> Result<Option<DraftCheck>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let Some(source) = &row.draft_source else { return Ok(None) };
    let format = format_from_name(row.draft_format.as_deref().unwrap_or_default());
    let (checked, _rules) = checked(services, viewer.organization, source, format).await?;
    let is_own = checked.definition.as_ref().is_some_and(|definition| definition.workflow_id == row.slug);
    let is_publishable = checked.is_valid() && is_own && row.archived_at_ms.is_none();
    Ok(Some(DraftCheck { problems: checked.problems, canonical: checked.canonical, is_publishable }))
}

fn check_size(field: &str, bytes: usize, limit: usize) -> Result<(), ServiceError> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("`{field}` has {bytes} bytes, the limit is {limit}");
    Err(ServiceError::mistake(Mistake::new(Code::TooLarge, field, message)))
}
