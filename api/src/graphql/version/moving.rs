//! Executions that go on with another version.

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};
use service::executions::{self, PlanRequest};
use service::plans::WorkflowRef as Reference;
use service::{Services, workflows};

use crate::graphql::connection::{PageArguments, next_of};
use crate::graphql::control::{ExecutionPayload, payload};
use crate::graphql::errors::{IntoGraphql, invalid};
use crate::graphql::execution::Execution;
use crate::graphql::filters::{ExecutionFilter, WorkflowRef, parse_id};
use crate::graphql::scalars::int;
use crate::graphql::viewer_of;

/// Which executions to move where.
#[derive(Debug, InputObject)]
pub struct MigrationPlanInput {
    /// Workflow.
    workflow: WorkflowRef,
    /// Which of its executions; all that have not ended when absent.
    filter: Option<ExecutionFilter>,
    /// To which version.
    to_version: i32,
    /// How many to look at, at most 100.
    #[graphql(default = 25)]
    pub(super) first: i32,
    /// Continue where an answer before ended: its `next`.
    after: Option<String>,
}

/// Which running executions can move.
#[derive(SimpleObject)]
pub struct MigrationPlan {
    /// How many of those that were looked at can move as they are.
    safe: i32,
    /// Those.
    movable: Vec<Execution>,
    /// Cannot move, and why.
    #[graphql(name = "unsafe")]
    held: Vec<MigrationObstacle>,
    /// How many of those that were looked at are on the version already.
    there: i32,
    /// All that fit, counted up to 10,000.
    total: i32,
    /// Where the rest begins; null when there is no more.
    next: Option<String>,
}

/// Why an execution cannot move.
#[derive(SimpleObject)]
pub struct MigrationObstacle {
    /// Execution.
    execution: Execution,
    /// All that stands in the way, in words.
    reason: String,
    /// Paths of the steps that it is about.
    step_paths: Vec<String>,
}

/// An execution to move to another version.
#[derive(Debug, InputObject)]
pub struct ExecutionMigrateInput {
    /// Which.
    id: ID,
    /// Number of the version to go on with.
    to_version: i32,
    /// Why.
    reason: String,
}

pub(super) async fn plan(ctx: &Context<'_>, input: MigrationPlanInput) -> Result<MigrationPlan> {
    const LIST: &str = "migration";
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let workflow = match input.workflow.parse()? {
        Reference::Id(id) => id,
        Reference::Slug(slug) => {
            let row = workflows::workflow_by_slug(services, viewer, &slug).await.graphql()?;
            row.ok_or_else(|| invalid(format!("there is no workflow `{slug}`")))?.id
        }
    };
    let filter = input.filter.unwrap_or_default().resolve(services, viewer).await?;
    let arguments = PageArguments { first: Some(input.first), after: input.after, ..PageArguments::default() };
    let page = arguments.request(ctx, LIST)?;
    let request = PlanRequest { workflow, filter, to_version: input.to_version, page };
    let found = executions::plan_migration(services, viewer, request).await.graphql()?;
    let next = found.next.map(|position| next_of(ctx, LIST, &position)).transpose()?;
    let held = found.held.into_iter().map(|(row, obstacles)| {
        let reasons: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.reason.as_str()).collect();
        let reason = reasons.join("; ");
        let step_paths = obstacles.into_iter().filter_map(|obstacle| obstacle.path).collect();
        MigrationObstacle { execution: Execution::of(row), reason, step_paths }
    });
    Ok(MigrationPlan {
        safe: int(found.movable.len()),
        held: held.collect(),
        movable: found.movable.into_iter().map(Execution::of).collect(),
        there: int(found.there),
        total: int(found.total),
        next,
    })
}

pub(super) async fn migrate(ctx: &Context<'_>, input: ExecutionMigrateInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    payload(executions::migrate(services, viewer, id, input.to_version, input.reason).await)
}
