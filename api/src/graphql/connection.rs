//! Relay connections: arguments in, pages out, totals only when they are asked for.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, Object, OutputType, Result};
use ids::{BulkOperationId, EventId, ScheduleId, WebhookEndpointId, WorkflowId};
use service::Services;
use service::approvals::{self, Inbox};
use service::cursor::Seal;
use service::identity::{api_keys, invitations, members, organizations};
use service::parts;
use store::{
    ApprovalFilter, AuditFilter, BulkItemStatus, Cursor, EventFilter, ExecutionFilter, MemberFilter, Page, PageRequest,
    PartFilter, RuleFilter, ScheduleFilter, ServiceFilter, WorkflowFilter,
};

use super::errors::{IntoGraphql, invalid};
use super::scalars::int;
use super::viewer_of;

/// Most items of one page.
pub(super) const MAX_PAGE: usize = 100;
/// Items of a page that states no size.
const DEFAULT_PAGE: i32 = 25;

/// A page of `T` with its totals.
pub type Paged<T> = Connection<String, T, Totals, EmptyFields>;

/// Arguments of every list.
#[derive(Debug, Clone, Default)]
pub struct PageArguments {
    /// Take the first n items.
    pub first: Option<i32>,
    /// Continue after this cursor.
    pub after: Option<String>,
    /// Take the last n items.
    pub last: Option<i32>,
    /// Stop before this cursor.
    pub before: Option<String>,
}

impl PageArguments {
    /// What the store reads; cursors must be of `list`.
    pub(super) fn request(&self, ctx: &Context<'_>, list: &str) -> Result<PageRequest> {
        let seal = seal(ctx)?;
        let size = |name: &str, size: i32| match usize::try_from(size) {
            Ok(size) if (1..=MAX_PAGE).contains(&size) => Ok(size as u64),
            _out_of_range => {
                Err(invalid(format!("`{name}` must be 1 to {MAX_PAGE}, not {size}; take further items with a cursor")))
            }
        };
        let read = |name: &str, text: &Option<String>| {
            let position = text.as_ref().map(|text| seal.read::<Cursor>(list, text, name)).transpose();
            position.map_err(service::ServiceError::mistake).graphql()
        };
        let mut request = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(invalid("give `first` or `last`, not both")),
            (None, Some(last)) => PageRequest::last(size("last", last)?),
            (first, None) => PageRequest::first(size("first", first.unwrap_or(DEFAULT_PAGE))?),
        };
        request.after = read("after", &self.after)?;
        request.before = read("before", &self.before)?;
        Ok(request)
    }
}

/// A page as clients see it.
pub(super) fn paged<R, T: OutputType>(
    ctx: &Context<'_>,
    page: Page<R>,
    list: &str,
    count: CountOf,
    node: impl Fn(R) -> T,
) -> Result<Paged<T>> {
    let seal = seal(ctx)?;
    let mut connection = Connection::with_additional_fields(page.has_previous, page.has_next, Totals(count));
    connection
        .edges
        .extend(page.rows.into_iter().map(|(position, row)| Edge::new(seal.write(list, &position), node(row))));
    Ok(connection)
}

/// Where a list goes on that is no connection.
pub(super) fn next_of(ctx: &Context<'_>, list: &str, position: &Cursor) -> Result<String> {
    Ok(seal(ctx)?.write(list, position))
}

/// What cursors of the viewer's organization are sealed with.
fn seal(ctx: &Context<'_>) -> Result<Seal> {
    Ok(Seal::of(ctx.data::<Services>()?, viewer_of(ctx)?))
}

/// A page of a list that is in memory as a whole; cursors are places in it.
pub(super) fn of_list<T: OutputType>(
    ctx: &Context<'_>,
    items: Vec<T>,
    list: &str,
    arguments: &PageArguments,
) -> Result<Paged<T>> {
    let seal = seal(ctx)?;
    let total = items.len();
    // Checks sizes; positions of such lists are plain numbers.
    let request = PageArguments { after: None, before: None, ..arguments.clone() }.request(ctx, list)?;
    let read = |name: &str, text: &Option<String>| {
        let position = text.as_ref().map(|text| seal.read::<usize>(list, text, name)).transpose();
        position.map_err(service::ServiceError::mistake).graphql()
    };
    let from = read("after", &arguments.after)?.map_or(0, |place| place + 1).min(total);
    let to = read("before", &arguments.before)?.unwrap_or(total).clamp(from, total);
    let limit = usize::try_from(request.limit).unwrap_or(MAX_PAGE);
    let (from, to) = match request.side {
        store::Side::First => (from, to.min(from.saturating_add(limit))),
        store::Side::Last => (from.max(to.saturating_sub(limit)), to),
    };
    let mut connection = Connection::with_additional_fields(from > 0, to < total, Totals(CountOf::Known(total)));
    let page = items.into_iter().enumerate().skip(from).take(to - from);
    connection.edges.extend(page.map(|(place, item)| Edge::new(seal.write(list, &place), item)));
    Ok(connection)
}

/// What a total counts.
#[derive(Debug)]
pub(super) enum CountOf {
    Approvals(Box<ApprovalFilter>, Inbox),
    AuditEntries(Box<AuditFilter>),
    BulkFailures(BulkOperationId),
    BulkItems(BulkOperationId, Option<BulkItemStatus>),
    BulkOperations,
    Executions(Box<ExecutionFilter>),
    Workflows(Box<WorkflowFilter>),
    Events(Box<EventFilter>),
    Workers,
    Organizations,
    Members(Box<MemberFilter>),
    Invitations,
    ApiKeys,
    Hooks,
    Told(EventId),
    ResourceLoaders(Box<PartFilter>),
    Rules(Box<RuleFilter>),
    Secrets(Box<PartFilter>),
    Services(Box<ServiceFilter>),
    Variables(Box<PartFilter>),
    Schedules(Box<ScheduleFilter>),
    ScheduleFires(ScheduleId),
    WebhookDeliveries(WebhookEndpointId, bool),
    WebhookEndpoints,
    Versions(WorkflowId),
    Known(usize),
}

impl CountOf {
    async fn count(&self, ctx: &Context<'_>) -> Result<(u64, bool)> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        match self {
            Self::Approvals(filter, inbox) => approvals::count(services, viewer, filter, *inbox).await.graphql(),
            Self::AuditEntries(filter) => service::audit::count(services, viewer, filter).await.graphql(),
            Self::BulkFailures(id) => service::bulk::count_failures(services, viewer, *id).await.graphql(),
            Self::BulkItems(id, status) => service::bulk::count_items(services, viewer, *id, *status).await.graphql(),
            Self::BulkOperations => service::bulk::count(services, viewer).await.graphql(),
            Self::Executions(filter) => service::executions::count(services, viewer, filter).await.graphql(),
            Self::Workflows(filter) => service::workflows::count(services, viewer, filter).await.graphql(),
            Self::Events(filter) => service::events::count(services, viewer, filter).await.graphql(),
            Self::Workers => service::operations::count_workers(services, viewer).await.graphql(),
            Self::Organizations => organizations::count(services, viewer).await.graphql(),
            Self::Members(filter) => members::count(services, viewer, filter).await.graphql(),
            Self::Invitations => invitations::count(services, viewer).await.graphql(),
            Self::ApiKeys => api_keys::count(services, viewer).await.graphql(),
            Self::Hooks => service::hooks::count(services, viewer).await.graphql(),
            Self::Told(event) => service::events::count_told(services, viewer, *event).await.graphql(),
            Self::ResourceLoaders(filter) => parts::resources::count(services, viewer, filter).await.graphql(),
            Self::Secrets(filter) => parts::secrets::count(services, viewer, filter).await.graphql(),
            Self::Services(filter) => parts::services::count(services, viewer, filter).await.graphql(),
            Self::Variables(filter) => parts::variables::count(services, viewer, filter).await.graphql(),
            Self::Rules(filter) => service::rules::count(services, viewer, filter).await.graphql(),
            Self::Schedules(filter) => service::schedules::count(services, viewer, filter).await.graphql(),
            Self::ScheduleFires(id) => service::schedules::count_runs(services, viewer, *id).await.graphql(),
            Self::WebhookDeliveries(id, failed_only) => {
                service::webhooks::count_deliveries(services, viewer, *id, *failed_only).await.graphql()
            }
            Self::WebhookEndpoints => service::webhooks::count(services, viewer).await.graphql(),
            Self::Versions(workflow) => {
                Ok((service::workflows::count_versions(services, viewer, *workflow).await.graphql()?, true))
            }
            Self::Known(total) => Ok((*total as u64, true)),
        }
    }
}

/// Totals of a list.
#[derive(Debug)]
pub struct Totals(CountOf);

#[Object]
impl Totals {
    /// How many items match, counted up to 10,000.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.0.count(ctx).await?.0))
    }

    /// False when counting stopped at 10,000.
    async fn is_total_exact(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.0.count(ctx).await?.1)
    }
}
