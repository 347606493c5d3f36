//! What mutations of workflows are given.

use async_graphql::{ID, InputObject, Result};
use service::workflows;
use store::WorkflowChanges;

use crate::graphql::filters::parse_id;
use crate::graphql::retention::RetentionPolicyInput;
use crate::graphql::scalars::Json;
use crate::graphql::workflow::DefinitionFormat;

/// A new workflow.
#[derive(Debug, InputObject)]
pub struct WorkflowCreateInput {
    /// Name for people and files; that of the definition, or made from `name`, when absent.
    slug: Option<String>,
    /// Title; taken from the definition when absent.
    name: Option<String>,
    /// Folder.
    namespace: Option<String>,
    /// Tags; taken from the definition when absent.
    tags: Option<Vec<String>>,
    /// Definition; an empty one when absent.
    source: Option<String>,
    /// Format of the definition.
    #[graphql(default_with = "DefinitionFormat::Yaml")]
    format: DefinitionFormat,
    /// True: publish and enable at once, if there is no error.
    #[graphql(default = false)]
    publish: bool,
    /// Same key, same workflow.
    idempotency_key: Option<String>,
}

impl From<WorkflowCreateInput> for workflows::CreateRequest {
    fn from(input: WorkflowCreateInput) -> Self {
        Self {
            slug: input.slug,
            name: input.name,
            namespace: input.namespace,
            tags: input.tags,
            source: input.source,
            format: input.format.into(),
            publish: input.publish,
            idempotency_key: input.idempotency_key,
        }
    }
}

/// Changes to a workflow; absent fields stay.
#[derive(Debug, InputObject)]
pub struct WorkflowUpdateInput {
    /// Which.
    pub(super) id: ID,
    /// Revision the change is based on.
    pub(super) expected_revision: Option<i32>,
    /// Title.
    name: Option<String>,
    /// What it is for, Markdown.
    description: Option<String>,
    /// Folder, such as `sales/emea`; empty for none.
    namespace: Option<String>,
    /// Tags.
    tags: Option<Vec<String>>,
    /// How long executions are kept.
    pub(super) retention: Option<RetentionPolicyInput>,
}

impl WorkflowUpdateInput {
    pub(super) fn changes(&mut self) -> WorkflowChanges {
        WorkflowChanges {
            name: self.name.take(),
            description: self.description.take(),
            namespace: self.namespace.take(),
            tags: self.tags.take(),
        }
    }
}

/// A draft.
#[derive(Debug, InputObject)]
pub struct WorkflowDraftSaveInput {
    /// Workflow.
    id: ID,
    /// Revision the draft is based on.
    expected_revision: Option<i32>,
    /// Text.
    source: String,
    /// Format.
    #[graphql(default_with = "DefinitionFormat::Yaml")]
    format: DefinitionFormat,
    /// Positions on the canvas; those that are there stay when absent.
    layout: Option<Json>,
}

impl WorkflowDraftSaveInput {
    pub(super) fn request(self) -> Result<workflows::DraftRequest> {
        Ok(workflows::DraftRequest {
            workflow: parse_id(&self.id)?,
            expected_revision: self.expected_revision,
            source: self.source,
            format: self.format.into(),
            layout: self.layout.map(|layout| layout.0),
        })
    }
}

/// A draft to throw away.
#[derive(Debug, InputObject)]
pub struct WorkflowDraftDiscardInput {
    /// Workflow.
    pub(super) id: ID,
    /// Revision that was seen.
    pub(super) expected_revision: Option<i32>,
}

/// A version to go back to.
#[derive(Debug, InputObject)]
pub struct WorkflowRollbackInput {
    /// Workflow.
    pub(super) id: ID,
    /// Version.
    pub(super) to_version: i32,
    /// Why.
    pub(super) reason: String,
}

/// A workflow to archive.
#[derive(Debug, InputObject)]
pub struct WorkflowArchiveInput {
    /// Which.
    pub(super) id: ID,
    /// Why.
    pub(super) reason: Option<String>,
}

/// A workflow to bring back.
#[derive(Debug, InputObject)]
pub struct WorkflowRestoreInput {
    /// Which.
    pub(super) id: ID,
}

/// A workflow to remove.
#[derive(Debug, InputObject)]
pub struct WorkflowDeleteInput {
    /// Which.
    pub(super) id: ID,
    /// Its slug, as a safeguard.
    pub(super) confirm_slug: String,
}
