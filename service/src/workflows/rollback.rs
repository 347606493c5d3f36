//! Goes back: makes a version of before the published one again.

use async_recursion::async_recursion as boxed;
use ids::WorkflowId;
use serde_json::json;
use store::{Republication, VersionRow, WorkflowRow};

use super::check::checked;
use super::import::{Content, format_from_name};
use super::state::{not_published, overtaken, reached, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::executions::check_reason;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Makes version `number` the one that new executions use, with its triggers, hooks and schedules. The versions after
/// it stay, a draft stays, and executions that run stay on theirs.
///
/// # Errors
/// `Forbidden`, also when the version names secrets and the viewer may not use them; `NOT_FOUND`; `WRONG_STATE` when
/// it is published already, or the workflow is archived;
/// `DEFINITION_INVALID` when the version would not be published today; `CONFLICT` when the workflow was changed at the
/// same moment; the database away.
#[boxed]
pub async fn rollback(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    number: i32,
    reason: String,
) -> Result<(WorkflowRow, VersionRow), ServiceError> {
    viewer.require(Permission::WorkflowPublish)?;
    check_reason(Some(&reason))?;
    let row = reached(services, viewer, id).await?;
    writable(&row)?;
    let version = services.store().version_by_number(viewer.organization, id, number).await?.ok_or_else(|| {
        let message = format!("workflow `{}` has no version {number}", row.slug);
        ServiceError::mistake(Mistake::new(Code::NotFound, "toVersion", message))
    })?;
    if row.published_version_id == Some(version.id) {
        let message = format!("version {number} of workflow `{}` is the published one", row.slug);
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "toVersion", message)));
    }
    let content = content(services, viewer, &row, &version).await?;
    let again = content.version(services, viewer, row.id, None, None);
    let republication = Republication {
        version: version.clone(),
        hooks: again.hooks,
        schedules: again.schedules,
        rules: again.rules,
        parts: again.parts,
        triggers: content.triggers(),
        expected_revision: row.revision,
        now_ms: services.now().0,
    };
    let changed = services.store().republish(republication).await.map_err(not_published(&row.slug))?;
    let Some(changed) = changed else { return Err(overtaken(services, viewer, id, Some(row.revision)).await) };
    let change = Change::of("workflow", changed.id, changed.slug.as_str()).named("workflow.rolled_back");
    let before = json!({ "versionNumber": row.published_number });
    let after = json!({ "versionNumber": number, "checksum": version.checksum });
    viewer.origin.trail.note(change.before(before).after(after).because(Some(reason)));
    services.plans().forget(viewer.organization, changed.id, &changed.slug).await;
    Ok((changed, version))
}

/// The version, checked as if it were published today.
async fn content(
    services: &Services,
    viewer: &Viewer,
    row: &WorkflowRow,
    version: &VersionRow,
) -> Result<Content, ServiceError> {
    let format = format_from_name(&version.format);
    let (checked, known) = checked(services, viewer.organization, &version.source, format).await?;
    let first = checked.problems.iter().find(|problem| problem.is_error()).map(|problem| problem.message.clone());
    let (Some(definition), Some(canonical)) = (checked.definition, checked.canonical) else {
        let why = first.unwrap_or_else(|| "it cannot be read".to_owned());
        let message = format!("version {} of workflow `{}` is not valid any more: {why}", version.number, row.slug);
        let mistake = Mistake::new(Code::DefinitionInvalid, "toVersion", message);
        return Err(ServiceError::mistake(mistake.with_help("Save it as a draft, correct it, and publish that.")));
    };
    known.parts.allow(viewer)?;
    Ok(Content::new(version.source.clone(), format, definition, &canonical, &checked.problems).naming(&known))
}
