//! Changes what is said of a workflow as a whole: title, description, folder, tags.

use async_recursion::async_recursion as boxed;
use ids::WorkflowId;
use serde_json::{Map, Value, json};
use store::{WorkflowChanges, WorkflowRow};

use super::state::{reached, seen, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::folders;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest title, in characters.
const MAX_NAME: usize = 200;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 10_000;
/// Most tags of a workflow.
const MAX_TAGS: usize = 32;
/// Longest tag, in characters.
const MAX_TAG: usize = 100;

/// What to change.
#[derive(Debug, Clone)]
pub struct UpdateRequest {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Revision that was seen; any when absent.
    pub expected_revision: Option<i32>,
    /// What changes; the rest stays.
    pub changes: WorkflowChanges,
}

/// Changes a workflow. A title, description or tags that the next published definition states take their place.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID`, also for a folder that the caller does not reach; `CONFLICT` when the revision
/// has moved on; `WRONG_STATE` when it is archived; the database away.
#[boxed]
pub async fn update(services: &Services, viewer: &Viewer, request: UpdateRequest) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let row = reached(services, viewer, request.workflow).await?;
    seen(&row, request.expected_revision)?;
    writable(&row)?;
    let mistakes = check(viewer, &request.changes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let changes = without_same(&row, request.changes);
    if changes == WorkflowChanges::default() {
        return Ok(row);
    }
    let (before, after) = told(&row, &changes);
    let change = Change::of("workflow", row.id, row.slug.as_str()).named("workflow.updated");
    let (store, now_ms) = (services.store(), services.now().0);
    let expected = request.expected_revision;
    let changed = store.update_workflow(viewer.organization, row.id, changes, expected, now_ms).await?;
    let Some(changed) = changed else { return Err(super::state::overtaken(services, viewer, row.id, expected).await) };
    viewer.origin.trail.note(change.before(before).after(after));
    services.plans().forget(viewer.organization, changed.id, &changed.slug).await;
    Ok(changed)
}

/// What is wrong with a title, a description, a folder or tags.
pub(super) fn check(viewer: &Viewer, changes: &WorkflowChanges) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut wrong = |field: &str, message: String| mistakes.push(Mistake::new(Code::Invalid, field, message));
    let length = |text: &str| text.chars().count();
    if changes.name.as_ref().is_some_and(|name| name.trim().is_empty() || length(name) > MAX_NAME) {
        wrong("name", format!("a title has 1 to {MAX_NAME} characters"));
    }
    if changes.description.as_ref().is_some_and(|text| length(text) > MAX_DESCRIPTION) {
        wrong("description", format!("a description has at most {MAX_DESCRIPTION} characters"));
    }
    let tags = changes.tags.as_deref().unwrap_or_default();
    if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.trim().is_empty() || length(tag) > MAX_TAG) {
        wrong("tags", format!("there may be {MAX_TAGS} tags, of 1 to {MAX_TAG} characters each"));
    }
    if let Some(folder) = &changes.namespace {
        if let Some(mistake) = folders::check_one("namespace", folder) {
            mistakes.push(mistake);
        } else if !viewer.reaches(folder) {
            let message = format!("the folder `{folder}` is out of your reach");
            mistakes.push(Mistake::new(Code::Invalid, "namespace", message));
        }
    }
    mistakes
}

/// What is as it should be already is no change.
fn without_same(row: &WorkflowRow, changes: WorkflowChanges) -> WorkflowChanges {
    WorkflowChanges {
        name: changes.name.filter(|name| *name != row.name),
        description: changes.description.filter(|text| Some(text) != row.description.as_ref()),
        namespace: changes.namespace.filter(|folder| *folder != row.namespace),
        tags: changes.tags.filter(|tags| *tags != row.tags),
    }
}

/// What is changed, as it was and as it is to be.
fn told(row: &WorkflowRow, changes: &WorkflowChanges) -> (Value, Value) {
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut note = |name: &str, was: Value, is: Value| {
        if !is.is_null() {
            before.insert(name.to_owned(), was);
            after.insert(name.to_owned(), is);
        }
    };
    note("name", json!(row.name), json!(changes.name));
    note("description", json!(row.description), json!(changes.description));
    note("namespace", json!(row.namespace), json!(changes.namespace));
    note("tags", json!(row.tags), json!(changes.tags));
    (Value::Object(before), Value::Object(after))
}
