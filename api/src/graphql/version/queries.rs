//! Definitions compared, and as files.

use async_graphql::{Context, InputObject, Object};
use service::workflows;

use super::diff::DefinitionDiff;
use super::export::{ExportBundle, WorkflowExportInput, export};
use super::moving::{self, MigrationPlan, MigrationPlanInput};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;
use crate::graphql::workflow::DefinitionFormat;

/// Versions of workflows.
#[derive(Default)]
pub struct VersionQuery;

/// Two definitions.
#[derive(Debug, InputObject)]
pub struct DefinitionDiffInput {
    /// Old text.
    before: String,
    /// New text.
    after: String,
    /// Format of both.
    #[graphql(default_with = "DefinitionFormat::Yaml")]
    format: DefinitionFormat,
}

/// Versions of workflows.
#[Object]
impl VersionQuery {
    /// Compares any two definitions, as texts and in meaning.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn definition_diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to compare.")] input: DefinitionDiffInput,
    ) -> Option<DefinitionDiff> {
        let compare = || {
            let (viewer, format) = (viewer_of(ctx)?, input.format.into());
            let found = workflows::diff_texts(viewer, input.before, input.after, format).graphql()?;
            Ok(found.into())
        };
        or_null(ctx, compare())
    }

    /// Which running executions can move to another version, and what holds the others.
    #[graphql(complexity = "200 + input.first.clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRepair))]
    async fn migration_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to move where.")] input: MigrationPlanInput,
    ) -> Option<MigrationPlan> {
        or_null(ctx, moving::plan(ctx, input).await)
    }

    /// Definitions as files, by the names of their workflows.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to export.")] input: WorkflowExportInput,
    ) -> Option<ExportBundle> {
        or_null(ctx, export(ctx, input).await)
    }
}
