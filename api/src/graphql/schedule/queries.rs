//! What can be asked about schedules.

use async_graphql::{Context, ID, Object, Result};
use ids::WorkflowId;
use service::plans::WorkflowRef;
use service::{Services, Viewer, schedules};

use super::fire::{FirePreview, FireTime};
use super::inputs::{ScheduleFilter, SchedulePreviewInput};
use super::node::{Schedule, checked_count};
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, item_errors, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What can be asked about schedules.
#[derive(Default)]
pub struct ScheduleQuery;

/// What can be asked about schedules.
#[Object]
impl ScheduleQuery {
    /// One schedule.
    #[graphql(directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedule(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Schedule> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let rows = schedules::by_ids(services, viewer, &[parse_id(&id)?]).await.graphql()?;
            rows.into_iter().next().map(Schedule::of).transpose()
        };
        or_null(ctx, read.await).flatten()
    }

    /// Schedules, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ScheduleFilter>,
    ) -> Option<Paged<Schedule>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = resolve(services, viewer, filter.unwrap_or_default()).await?;
            let request = PageArguments { first, after, last, before }.request(ctx, "schedules")?;
            page(ctx, services, viewer, filter, &request, "schedules").await
        };
        or_null(ctx, read.await)
    }

    /// What a schedule would do, before it is saved.
    #[graphql(directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedule_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to look at.")] input: SchedulePreviewInput,
    ) -> Option<FirePreview> {
        let read = || {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (from, count) = (input.from.map(|from| from.0), checked_count(input.count)?);
            let timing = input.timing(services.now());
            Ok(match item_errors(schedules::preview(services, viewer, &timing, from, count))? {
                Ok(preview) => FirePreview {
                    fires: preview.fires.into_iter().map(FireTime::from).collect(),
                    text: preview.words,
                    user_errors: Vec::new(),
                },
                Err(user_errors) => FirePreview { fires: Vec::new(), text: String::new(), user_errors },
            })
        };
        or_null(ctx, read())
    }
}

/// A page of the schedules of a workflow.
pub async fn of_workflow(ctx: &Context<'_>, workflow: WorkflowId, arguments: PageArguments) -> Result<Paged<Schedule>> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let list = format!("schedules:{workflow}");
    let request = arguments.request(ctx, &list)?;
    let filter = store::ScheduleFilter { workflow_id: Some(workflow), ..store::ScheduleFilter::default() };
    page(ctx, services, viewer, filter, &request, &list).await
}

/// A page of schedules, each made readable.
async fn page(
    ctx: &Context<'_>,
    services: &Services,
    viewer: &Viewer,
    filter: store::ScheduleFilter,
    request: &store::PageRequest,
    list: &str,
) -> Result<Paged<Schedule>> {
    let page = schedules::page(services, viewer, &filter, request).await.graphql()?;
    let rows = page.rows.into_iter().map(|(cursor, row)| Ok((cursor, Schedule::of(row)?)));
    let page = store::Page {
        rows: rows.collect::<Result<Vec<_>>>()?,
        has_next: page.has_next,
        has_previous: page.has_previous,
    };
    paged(ctx, page, list, CountOf::Schedules(Box::new(filter)), |schedule| schedule)
}

/// A workflow that does not exist has no schedules.
async fn resolve(services: &Services, viewer: &Viewer, filter: ScheduleFilter) -> Result<store::ScheduleFilter> {
    let workflow_id = match filter.workflow.map(crate::graphql::filters::WorkflowRef::parse).transpose()? {
        None => None,
        Some(WorkflowRef::Id(id)) => Some(id),
        Some(reference @ WorkflowRef::Slug(_)) => {
            let known =
                services.plans().published(services.store(), viewer.organization, &reference).await.graphql()?;
            Some(known.map_or_else(WorkflowId::new, |known| known.workflow))
        }
    };
    Ok(store::ScheduleFilter {
        workflow_id,
        is_paused: filter.is_paused,
        name: filter.name.map(Into::into),
        folders: None,
    })
}
