//! Workflows, their versions, and the event triggers of published versions.

use ids::{OrganizationId, WorkflowId, WorkflowVersionId};

use super::hook::HookTrigger;
use super::part::PartName;
use super::rule::NewRuleUse;

/// A workflow with a draft on its way in; found again by its slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkflow {
    /// Its id, if the slug is new; the id of a known slug is kept.
    pub id: WorkflowId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name for addresses and definitions; unique in the organization.
    pub slug: String,
    /// Title.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// Folder; empty for the root.
    pub namespace: String,
    /// Free words.
    pub tags: Vec<String>,
    /// The definition as it was written.
    pub draft_source: String,
    /// Its format.
    pub draft_format: String,
    /// Who.
    pub actor: String,
    /// When, Unix milliseconds.
    pub now_ms: i64,
}

/// A workflow, across all of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRow {
    /// Its id.
    pub id: WorkflowId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name for addresses and definitions; unique in the organization.
    pub slug: String,
    /// Title.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// Folder; empty for the root.
    pub namespace: String,
    /// Free words.
    pub tags: Vec<String>,
    /// Whether triggers and callers may start it.
    pub is_enabled: bool,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Rises with every change.
    pub revision: i32,
    /// The draft as it was written; absent when there is nothing unpublished.
    pub draft_source: Option<String>,
    /// The draft's format.
    pub draft_format: Option<String>,
    /// The published version.
    pub published_version_id: Option<WorkflowVersionId>,
    /// The published version's number.
    pub published_number: Option<i32>,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// When it was archived, Unix milliseconds.
    pub archived_at_ms: Option<i64>,
    /// Why it was archived.
    pub archived_reason: Option<String>,
    /// Places of the draft's steps on a canvas, JSON.
    pub draft_layout: Option<String>,
    /// Number of the version that the draft began with.
    pub draft_based_on: Option<i32>,
    /// When the draft was saved, Unix milliseconds.
    pub draft_saved_at_ms: Option<i64>,
    /// Who saved the draft.
    pub draft_saved_by: Option<String>,
}

/// A draft of a known workflow on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDraft {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The revision that it is based on; any when absent.
    pub expected_revision: Option<i32>,
    /// The definition as it was written.
    pub source: String,
    /// Its format.
    pub format: String,
    /// Places of the steps on a canvas, JSON; those that are there stay when absent.
    pub layout: Option<String>,
    /// Who.
    pub actor: String,
    /// When, Unix milliseconds.
    pub now_ms: i64,
}

/// What to change about a workflow; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowChanges {
    /// Title.
    pub name: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Folder.
    pub namespace: Option<String>,
    /// Free words.
    pub tags: Option<Vec<String>>,
}

/// A version that is to be the published one again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Republication {
    /// The version as it was published.
    pub version: VersionRow,
    /// The addresses that others call to start it.
    pub hooks: Vec<HookTrigger>,
    /// Its schedules.
    pub schedules: Vec<TriggerSchedule>,
    /// Where it names rules.
    pub rules: Vec<NewRuleUse>,
    /// The secrets, variables, services and resources that it names, each once.
    pub parts: Vec<PartName>,
    /// The event triggers.
    pub triggers: Vec<TriggerRow>,
    /// The revision of the workflow that was seen.
    pub expected_revision: i32,
    /// When, Unix milliseconds.
    pub now_ms: i64,
}

/// What became of deleting a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowDeletion {
    /// It is gone for everybody; what belongs to it goes bit by bit.
    Deleted,
    /// There is none such, or it is not archived.
    NotArchived,
    /// Executions of it have not ended.
    HasLive,
}

/// A version on its way in; the store gives it the next number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Its id.
    pub id: WorkflowVersionId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow; what is published together with a workflow takes the id of that one.
    pub workflow_id: WorkflowId,
    /// Free label.
    pub label: Option<String>,
    /// What changed.
    pub changelog: Option<String>,
    /// Canonical definition, JSON.
    pub definition: String,
    /// The definition as it was written.
    pub source: String,
    /// Its format.
    pub format: String,
    /// Checksum of the canonical definition.
    pub checksum: String,
    /// Warnings, JSON.
    pub problems: String,
    /// When, Unix milliseconds.
    pub published_at_ms: i64,
    /// Who.
    pub published_by: String,
    /// The addresses that others call to start it.
    pub hooks: Vec<HookTrigger>,
    /// Its schedules: they become those of the workflow.
    pub schedules: Vec<TriggerSchedule>,
    /// Where it names rules.
    pub rules: Vec<NewRuleUse>,
    /// The secrets, variables, services and resources that it names, each once.
    pub parts: Vec<PartName>,
    /// What the definition says of the workflow.
    pub head: WorkflowChanges,
}

/// A schedule trigger of a version on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerSchedule {
    /// Place in the definition's `triggers`.
    pub ordinal: i32,
    /// Name to show.
    pub name: String,
    /// Spec, zone and policies, JSON.
    pub timing: String,
}

/// One immutable, published content of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its id.
    pub id: WorkflowVersionId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// 1, 2, 3 … in each workflow.
    pub number: i32,
    /// Free label.
    pub label: Option<String>,
    /// What changed.
    pub changelog: Option<String>,
    /// Canonical definition, JSON.
    pub definition: String,
    /// The definition as it was written.
    pub source: String,
    /// Its format.
    pub format: String,
    /// Checksum of the canonical definition.
    pub checksum: String,
    /// Warnings, JSON.
    pub problems: String,
    /// When, Unix milliseconds.
    pub published_at_ms: i64,
    /// Who.
    pub published_by: String,
}

/// What became of publishing a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one per request, taken apart at once")]
pub enum PublishOutcome {
    /// It is published.
    Published {
        /// The workflow as it is now.
        workflow: WorkflowRow,
        /// The new version.
        version: VersionRow,
    },
    /// The workflow does not exist, or was changed since the expected revision; nothing was done.
    RevisionMovedOn,
}

/// An event trigger of a version on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRow {
    /// Place in the definition's `triggers`.
    pub ordinal: i32,
    /// Pattern that event names are held against.
    pub pattern: String,
    /// The pattern is the name itself.
    pub is_exact: bool,
}

/// An event trigger that an event may fit: its pattern still has to be held against the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerCandidate {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its published version.
    pub version_id: WorkflowVersionId,
    /// Place in the definition's `triggers`.
    pub ordinal: i32,
    /// Pattern that event names are held against.
    pub pattern: String,
    /// The pattern is the name itself.
    pub is_exact: bool,
    /// Whether the workflow is enabled.
    pub is_enabled: bool,
}
