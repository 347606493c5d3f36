//! Workflows and versions as clients see them.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use serde_json::Value;
use service::{Services, executions, workflows};
use store::{VersionRow, WorkflowRow};

use super::connection::{CountOf, PageArguments, Paged, paged};
use super::directives::authorized;
use super::errors::{IntoGraphql, UserError, invalid};
use super::execution::Execution;
use super::filters::{ExecutionFilter, ExecutionOrder};
use super::loaders::{RetentionOf, loader, shared};
use super::problem::Problem;
use super::retention::RetentionPolicy;
use super::scalars::{DateTime, Json};
use super::schedule::{self, Schedule};
use super::version::{DefinitionDiff, WorkflowDraft};
use super::viewer::{Actor, Permission, permissions_of};
use super::viewer_of;

/// Formats of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DefinitionFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl From<DefinitionFormat> for engine::definition::Format {
    fn from(format: DefinitionFormat) -> Self {
        match format {
            DefinitionFormat::Json => Self::Json,
            DefinitionFormat::Yaml => Self::Yaml,
        }
    }
}

pub(super) fn format_named(name: &str) -> DefinitionFormat {
    if name == "json" { DefinitionFormat::Json } else { DefinitionFormat::Yaml }
}

/// A named automation with its history of versions.
#[derive(Debug, Clone)]
pub struct Workflow(pub(super) WorkflowRow);

/// A named automation with its history of versions.
#[Object]
impl Workflow {
    /// Global id, prefix `wf_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name for people and files, unique in its organization.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for, Markdown.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Folder, such as `sales/orders`.
    async fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Tags for searching.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// How long its executions are kept: as set for it, for the organization, or for the installation.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn retention(&self, ctx: &Context<'_>) -> Result<RetentionPolicy> {
        let known = loader(ctx)?.load_one(RetentionOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(known.unwrap_or_default().into())
    }

    /// Disabled workflows ignore triggers and starts; running executions go on.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// Why it was disabled.
    async fn disabled_reason(&self) -> Option<&str> {
        self.0.disabled_reason.as_deref()
    }

    /// Grows with each change of the record or its draft.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// Unpublished work; null when there is none.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn draft(&self) -> Option<WorkflowDraft> {
        WorkflowDraft::of(&self.0)
    }

    /// The version that new executions use.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn published_version(&self, ctx: &Context<'_>) -> Result<Option<WorkflowVersion>> {
        let Some(id) = self.0.published_version_id else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(WorkflowVersion))
    }

    /// One version.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Version number.")] number: i32,
    ) -> Result<Option<WorkflowVersion>> {
        let row = workflows::version_by_number(ctx.data::<Services>()?, viewer_of(ctx)?, self.0.id, number)
            .await
            .graphql()?;
        Ok(row.map(WorkflowVersion))
    }

    /// Published versions, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<WorkflowVersion>> {
        let list = format!("versions:{}", self.0.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let page =
            workflows::versions(ctx.data::<Services>()?, viewer_of(ctx)?, self.0.id, &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::Versions(self.0.id), WorkflowVersion)
    }

    /// Schedules that start it, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Schedule>> {
        schedule::of_workflow(ctx, self.0.id, PageArguments { first, after, last, before }).await
    }

    /// Executions of all its versions.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay list")]
    async fn executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ExecutionFilter>,
        #[graphql(desc = "Sort order; the id breaks ties, so pages are stable.")] order_by: Option<ExecutionOrder>,
    ) -> Result<Paged<Execution>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let own = store::ExecutionFilter { workflow_ids: Some(vec![self.0.id]), ..store::ExecutionFilter::default() };
        let wanted = filter.unwrap_or_default().resolve(services, viewer).await?;
        let filter = store::ExecutionFilter { and: vec![wanted], ..own };
        let order = ExecutionOrder::resolve(order_by);
        let list = format!("executions:{:?}:{:?}", order.field, order.direction);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let page = executions::page(services, viewer, &filter, order, &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::Executions(Box::new(filter)), Execution::of)
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Who created it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.0.created_by)
    }

    /// Last change of record or draft.
    async fn updated_at(&self) -> DateTime {
        DateTime::from_ms(self.0.updated_at_ms)
    }

    /// When it was archived; archived workflows are hidden and cannot start.
    async fn archived_at(&self) -> Option<DateTime> {
        self.0.archived_at_ms.map(DateTime::from_ms)
    }

    /// Why it was archived.
    async fn archived_reason(&self) -> Option<&str> {
        self.0.archived_reason.as_deref()
    }

    /// What the caller may do with it.
    async fn viewer_permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        Ok(permissions_of(viewer_of(ctx)?))
    }
}

/// An immutable published definition.
#[derive(Debug, Clone)]
pub struct WorkflowVersion(pub(super) VersionRow);

impl WorkflowVersion {
    fn parsed(&self) -> Result<Value> {
        serde_json::from_str(&self.0.definition)
            .map_err(|_unreadable| async_graphql::Error::new("a stored definition cannot be read"))
    }
}

/// An immutable published definition.
#[Object]
impl WorkflowVersion {
    /// Global id, prefix `wfv_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Its workflow.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Workflow> {
        let row = loader(ctx)?.load_one(self.0.workflow_id).await.map_err(|error| shared(&error))?;
        row.map(Workflow).ok_or_else(|| async_graphql::Error::new("the workflow of a version is missing"))
    }

    /// 1, 2, 3, ...
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// Free label, such as 1.4.0.
    async fn label(&self) -> Option<&str> {
        self.0.label.as_deref()
    }

    /// What changed, Markdown.
    async fn changelog(&self) -> Option<&str> {
        self.0.changelog.as_deref()
    }

    /// The canonical definition.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn definition(&self) -> Result<Json> {
        self.parsed().map(async_graphql::Json)
    }

    /// The text as written, comments kept.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// Format of the text.
    async fn format(&self) -> DefinitionFormat {
        format_named(&self.0.format)
    }

    /// JSON Schema of the input; the start form is made from it.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn input_schema(&self) -> Result<Option<Json>> {
        Ok(self.parsed()?.get("input").cloned().map(async_graphql::Json))
    }

    /// Warnings that were there at publishing.
    async fn problems(&self) -> Result<Vec<Problem>> {
        Problem::stored(&self.0.problems)
    }

    /// SHA-256 of the canonical definition.
    async fn checksum(&self) -> &str {
        &self.0.checksum
    }

    /// What changed from another version to this one.
    #[graphql(complexity = "20 + child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of the other version.")] against: i32,
    ) -> Result<DefinitionDiff> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let other = workflows::version_by_number(services, viewer, self.0.workflow_id, against).await.graphql()?;
        let other = other.ok_or_else(|| invalid(format!("the workflow has no version {against}")))?;
        Ok(workflows::diff_versions(viewer, &other, &self.0).graphql()?.into())
    }

    /// When.
    async fn published_at(&self) -> DateTime {
        DateTime::from_ms(self.0.published_at_ms)
    }

    /// By whom.
    async fn published_by(&self) -> Actor {
        Actor::from_id(&self.0.published_by)
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "workflows::ImportOutcome")]
pub enum ImportOutcome {
    /// New workflow.
    Created,
    /// New draft or version.
    Updated,
    /// Same as before.
    Unchanged,
    /// Has errors.
    Rejected,
}

/// The result for one file.
#[derive(SimpleObject)]
pub struct ImportResult {
    /// File.
    pub(super) path: String,
    /// Workflow.
    pub(super) workflow: Option<Workflow>,
    /// What was done.
    pub(super) outcome: ImportOutcome,
    /// Findings.
    pub(super) problems: Vec<Problem>,
}

/// Answer of `workflowImport`.
#[derive(SimpleObject)]
pub struct WorkflowImportPayload {
    /// Created and changed workflows.
    pub(super) workflows: Vec<Workflow>,
    /// File by file.
    pub(super) results: Vec<ImportResult>,
    /// What the caller can correct; empty on success.
    pub(super) user_errors: Vec<UserError>,
}

/// Answer of `workflowPublish` and `workflowRollback`.
#[derive(SimpleObject)]
pub struct WorkflowPublishPayload {
    /// The workflow.
    pub(super) workflow: Option<Workflow>,
    /// The published version.
    pub(super) version: Option<WorkflowVersion>,
    /// What stands in the way, and warnings.
    pub(super) problems: Vec<Problem>,
    /// What the caller can correct; empty on success.
    pub(super) user_errors: Vec<UserError>,
}

/// Answer of a Workflow mutation.
#[derive(SimpleObject)]
pub struct WorkflowPayload {
    /// The workflow; null when nothing was changed.
    pub(super) workflow: Option<Workflow>,
    /// What the caller can correct; empty on success.
    pub(super) user_errors: Vec<UserError>,
}
