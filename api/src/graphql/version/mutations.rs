//! Changes of workflows, their drafts, and which version is published.

use async_graphql::{Context, Object, Result};
use service::{ServiceError, Services, retention, workflows};
use store::WorkflowRow;

use super::inputs::{
    WorkflowArchiveInput, WorkflowCreateInput, WorkflowDeleteInput, WorkflowDraftDiscardInput, WorkflowDraftSaveInput,
    WorkflowRestoreInput, WorkflowRollbackInput, WorkflowUpdateInput,
};
use super::moving::{self, ExecutionMigrateInput};
use crate::graphql::control::ExecutionPayload;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::problem::Problem;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;
use crate::graphql::workflow::{Workflow, WorkflowPayload, WorkflowPublishPayload, WorkflowVersion};

/// Changes of workflows.
#[derive(Default)]
pub struct VersionMutation;

/// Changes of workflows.
#[Object]
impl VersionMutation {
    /// Creates a workflow with a first draft.
    #[graphql(directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowCreateInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(workflows::create(services, viewer, input.into()).await)
        };
        or_null(ctx, change.await)
    }

    /// Changes title, description, folder, tags, and how long executions are kept.
    #[graphql(directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowUpdateInput,
    ) -> Option<WorkflowPayload> {
        or_null(ctx, update(ctx, input).await)
    }

    /// Saves the draft; problems do not hinder it.
    #[graphql(directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_draft_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowDraftSaveInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(workflows::save_draft(services, viewer, input.request()?).await)
        };
        or_null(ctx, change.await)
    }

    /// Throws the draft away.
    #[graphql(directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_draft_discard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowDraftDiscardInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            payload(workflows::discard_draft(services, viewer, id, input.expected_revision).await)
        };
        or_null(ctx, change.await)
    }

    /// Makes an old version the published one again; later versions and the draft stay.
    #[graphql(directive = authorized::apply(Permission::WorkflowPublish))]
    async fn workflow_rollback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowRollbackInput,
    ) -> Option<WorkflowPublishPayload> {
        or_null(ctx, rollback(ctx, input).await)
    }

    /// Lets one that rests go on with another version of its workflow.
    #[graphql(directive = authorized::apply(Permission::ExecutionRepair))]
    async fn execution_migrate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionMigrateInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, moving::migrate(ctx, input).await)
    }

    /// Hides it and lets nothing start it; history stays, and what runs goes on.
    #[graphql(directive = authorized::apply(Permission::WorkflowDelete))]
    async fn workflow_archive(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowArchiveInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(workflows::archive(services, viewer, parse_id(&input.id)?, input.reason).await)
        };
        or_null(ctx, change.await)
    }

    /// Brings an archived one back, disabled.
    #[graphql(directive = authorized::apply(Permission::WorkflowDelete))]
    async fn workflow_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowRestoreInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(workflows::restore(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, change.await)
    }

    /// Removes an archived one, of which nothing runs, with its versions and all that it ran.
    #[graphql(directive = authorized::apply(Permission::WorkflowDelete))]
    async fn workflow_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowDeleteInput,
    ) -> Option<DeletePayload> {
        let change = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, workflows::delete(services, viewer, id, &input.confirm_slug).await)
        };
        or_null(ctx, change.await)
    }
}

fn payload(outcome: Result<WorkflowRow, ServiceError>) -> Result<WorkflowPayload> {
    Ok(match user_errors(outcome)? {
        Ok(row) => WorkflowPayload { workflow: Some(Workflow(row)), user_errors: Vec::new() },
        Err(user_errors) => WorkflowPayload { workflow: None, user_errors },
    })
}

async fn update(ctx: &Context<'_>, mut input: WorkflowUpdateInput) -> Result<WorkflowPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let workflow = parse_id(&input.id)?;
    let (expected_revision, changes, kept) =
        (input.expected_revision, input.changes(), input.retention.map(Into::into));
    let request = workflows::UpdateRequest { workflow, expected_revision, changes };
    let changed = workflows::update(services, viewer, request).await;
    let changed = match (changed, kept) {
        (Ok(_row), Some(kept)) => retention::set_for_workflow(services, viewer, workflow, kept).await,
        (outcome, _none) => outcome,
    };
    payload(changed)
}

async fn rollback(ctx: &Context<'_>, input: WorkflowRollbackInput) -> Result<WorkflowPublishPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    let outcome = workflows::rollback(services, viewer, id, input.to_version, input.reason).await;
    Ok(match user_errors(outcome)? {
        Ok((workflow, version)) => WorkflowPublishPayload {
            workflow: Some(Workflow(workflow)),
            problems: Problem::stored(&version.problems)?,
            version: Some(WorkflowVersion(version)),
            user_errors: Vec::new(),
        },
        Err(user_errors) => WorkflowPublishPayload { workflow: None, version: None, problems: Vec::new(), user_errors },
    })
}
