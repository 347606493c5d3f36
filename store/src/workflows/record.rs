//! Rows of the database as the store hands them out.

use entity::{workflow, workflow_version};
use ids::{OrganizationId, WorkflowId, WorkflowVersionId};

use crate::error::{StoreError, UnreadableRow};
use crate::model::workflow::{VersionRow, WorkflowRow};

pub fn workflow_row(model: workflow::Model) -> Result<WorkflowRow, StoreError> {
    let tags = serde_json::from_str(&model.tags)
        .map_err(|source| UnreadableRow::List { column: "tags", source: source.into() })?;
    Ok(WorkflowRow {
        id: WorkflowId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        slug: model.slug,
        name: model.name,
        description: model.description,
        namespace: model.namespace,
        tags,
        is_enabled: model.is_enabled,
        disabled_reason: model.disabled_reason,
        revision: model.revision,
        draft_source: model.draft_source,
        draft_format: model.draft_format,
        published_version_id: model.published_version_id.map(WorkflowVersionId::from_uuid),
        published_number: model.published_number,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        archived_at_ms: model.archived_at_ms,
        archived_reason: model.archived_reason,
        draft_layout: model.draft_layout,
        draft_based_on: model.draft_based_on,
        draft_saved_at_ms: model.draft_saved_at_ms,
        draft_saved_by: model.draft_saved_by,
    })
}

pub fn version_row(model: workflow_version::Model) -> VersionRow {
    VersionRow {
        id: WorkflowVersionId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        workflow_id: WorkflowId::from_uuid(model.workflow_id),
        number: model.number,
        label: model.label,
        changelog: model.changelog,
        definition: model.definition,
        source: model.source,
        format: model.format,
        checksum: model.checksum,
        problems: model.problems,
        published_at_ms: model.published_at_ms,
        published_by: model.published_by,
    }
}
