//! The queries. Root fields may be null, so that one refused field leaves the others intact.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use service::{Services, events, executions, workflows};

use super::connection::{CountOf, PageArguments, Paged, paged};
use super::directives::{authorized, public, signed_in};
use super::errors::{IntoGraphql, invalid, or_null};
use super::event::Event;
use super::execution::Execution;
use super::filters::{
    EventFilter, EventOrder, ExecutionFilter, ExecutionOrder, WorkflowFilter, WorkflowOrder, WorkflowRef, parse_id,
};
use super::operations::{self, Queue, SystemCheck, SystemHealth, Worker};
use super::problem::Problem;
use super::scalars::{DateTime, Json};
use super::server::{ServerInfo, ServerMode};
use super::viewer::{Permission, Viewer};
use super::viewer_of;
use super::workflow::{DefinitionFormat, Workflow};

/// Entry points of the API.
#[derive(Default)]
pub struct Query;

/// A definition to check.
#[derive(InputObject)]
pub struct DefinitionCheckInput {
    /// Text.
    source: String,
    /// Format.
    #[graphql(default_with = "DefinitionFormat::Yaml")]
    format: DefinitionFormat,
}

/// What a check found.
#[derive(SimpleObject)]
pub struct DefinitionCheck {
    /// True without problems of severity ERROR.
    is_valid: bool,
    /// Findings.
    problems: Vec<Problem>,
    /// Canonical form, when the text parses.
    definition: Option<Json>,
}

/// Words to look for, when there are some.
fn words(search: Option<String>) -> Option<String> {
    search.filter(|text| !text.trim().is_empty())
}

/// What can be asked.
#[Object(name = "MainQuery")]
impl Query {
    /// The caller.
    #[graphql(directive = signed_in::apply())]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Viewer> {
        let read = async {
            let viewer = viewer_of(ctx)?.clone();
            let organization = service::organization(ctx.data::<Services>()?, &viewer).await.graphql()?;
            Ok(Viewer { viewer, organization: organization.into() })
        };
        or_null(ctx, read.await)
    }

    /// Version, mode, limits. Needs no sign-in.
    #[graphql(directive = public::apply())]
    async fn server_info(&self, ctx: &Context<'_>) -> Option<ServerInfo> {
        let read = || {
            let services = ctx.data::<Services>()?;
            Ok(ServerInfo {
                mode: *ctx.data::<ServerMode>()?,
                now: DateTime(services.now()),
                max_payload_bytes: services.settings().max_payload_bytes,
            })
        };
        or_null(ctx, read())
    }

    /// One workflow.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref", desc = "Which workflow, by id or by slug.")] reference: WorkflowRef,
    ) -> Option<Workflow> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            match reference.parse()? {
                service::plans::WorkflowRef::Id(id) => workflows::workflow(services, viewer, id).await.graphql(),
                service::plans::WorkflowRef::Slug(slug) => {
                    workflows::workflow_by_slug(services, viewer, &slug).await.graphql()
                }
            }
        };
        or_null(ctx, read.await).flatten().map(Workflow)
    }

    /// Workflows.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay list")]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<WorkflowFilter>,
        #[graphql(desc = "Search text: words of the title, the slug or the description.")] search: Option<String>,
        #[graphql(desc = "Sort order; the id breaks ties, so pages are stable.")] order_by: Option<WorkflowOrder>,
    ) -> Option<Paged<Workflow>> {
        let read = async {
            let filter = filter.unwrap_or_default().resolve()?.or_present();
            let filter = store::WorkflowFilter { search: words(search), ..filter };
            let order = WorkflowOrder::resolve(order_by);
            let list = format!("workflows:{:?}:{:?}", order.field, order.direction);
            let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
            let page =
                workflows::page(ctx.data::<Services>()?, viewer_of(ctx)?, &filter, order, &request).await.graphql()?;
            paged(ctx, page, &list, CountOf::Workflows(Box::new(filter)), Workflow)
        };
        or_null(ctx, read.await)
    }

    /// JSON Schema of the definition language, for editors.
    #[graphql(directive = public::apply())]
    async fn definition_schema(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Version of the language; the newest when absent.")] version: Option<String>,
    ) -> Option<Json> {
        let read = match version.as_deref() {
            None | Some("1") => Ok(async_graphql::Json(engine::definition::json_schema())),
            Some(other) => Err(invalid(format!("there is no version `{other}` of the definition language, only `1`"))),
        };
        or_null(ctx, read)
    }

    /// Checks a definition without saving it.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn definition_check(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to check.")] input: DefinitionCheckInput,
    ) -> Option<DefinitionCheck> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let checked = workflows::check(services, viewer, &input.source, input.format.into()).await.graphql()?;
            Ok(DefinitionCheck {
                is_valid: checked.is_valid(),
                problems: checked.problems.iter().map(Into::into).collect(),
                definition: checked.canonical.map(async_graphql::Json),
            })
        };
        or_null(ctx, read.await)
    }

    /// One execution.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Execution> {
        let read =
            async { executions::execution(ctx.data::<Services>()?, viewer_of(ctx)?, parse_id(&id)?).await.graphql() };
        or_null(ctx, read.await).flatten().map(Execution::of)
    }

    /// Executions.
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
        #[graphql(desc = "Search text: words of the id, the key, a label's value or the workflow's slug.")]
        search: Option<String>,
        #[graphql(desc = "Sort order; the id breaks ties, so pages are stable.")] order_by: Option<ExecutionOrder>,
    ) -> Option<Paged<Execution>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = filter.unwrap_or_default().resolve(services, viewer).await?;
            let filter = store::ExecutionFilter { search: words(search), ..filter };
            let order = ExecutionOrder::resolve(order_by);
            let list = format!("executions:{:?}:{:?}", order.field, order.direction);
            let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
            let page = executions::page(services, viewer, &filter, order, &request).await.graphql()?;
            paged(ctx, page, &list, CountOf::Executions(Box::new(filter)), Execution::of)
        };
        or_null(ctx, read.await)
    }

    /// One event.
    #[graphql(directive = authorized::apply(Permission::EventRead))]
    async fn event(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Event> {
        let read = async { events::event(ctx.data::<Services>()?, viewer_of(ctx)?, parse_id(&id)?).await.graphql() };
        or_null(ctx, read.await).flatten().map(Event)
    }

    /// Events.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::EventRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay list")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<EventFilter>,
        #[graphql(desc = "Sort order; the id breaks ties, so pages are stable.")] order_by: Option<EventOrder>,
    ) -> Option<Paged<Event>> {
        let read = async {
            let services = ctx.data::<Services>()?;
            let filter = filter.unwrap_or_default().resolve(services);
            let order = EventOrder::resolve(order_by);
            let list = format!("events:{:?}:{:?}", order.field, order.direction);
            let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
            let page = events::page(services, viewer_of(ctx)?, &filter, order, &request).await.graphql()?;
            paged(ctx, page, &list, CountOf::Events(Box::new(filter)), Event)
        };
        or_null(ctx, read.await)
    }

    /// Workers, newest first; those that are gone stay in the list for an hour.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::OperationsRead))]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<Worker>> {
        or_null(ctx, operations::workers(ctx, PageArguments { first, after, last, before }).await)
    }

    /// Queues that a live worker serves or in which executions wait.
    #[graphql(directive = authorized::apply(Permission::OperationsRead))]
    async fn queues(&self, ctx: &Context<'_>) -> Option<Vec<Queue>> {
        or_null(ctx, operations::queues(ctx).await)
    }

    /// How the installation is.
    #[graphql(directive = authorized::apply(Permission::OperationsRead))]
    async fn system_health(&self, ctx: &Context<'_>) -> Option<SystemHealth> {
        or_null(ctx, operations::health(ctx).await)
    }

    /// Looks through a part of the database for what must not be there; ask on until `next` is null.
    #[graphql(directive = authorized::apply(Permission::OperationsRead))]
    async fn system_check(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where the part begins; the first one when absent.")] after: Option<String>,
        #[graphql(desc = "True: look at the journals too.", default = false)] deep: bool,
    ) -> Option<SystemCheck> {
        or_null(ctx, operations::check(ctx, after, deep).await)
    }
}
