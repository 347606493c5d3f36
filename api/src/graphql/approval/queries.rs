//! What can be asked about approvals.

use async_graphql::{Context, ID, Object, Result};
use ids::ExecutionId;
use service::approvals::Inbox;
use service::{Services, approvals};

use super::filter::{ApprovalFilter, ApprovalOrder};
use super::object::Approval;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// The approvals that an execution opened, oldest first.
pub(in crate::graphql) async fn of_execution(
    ctx: &Context<'_>,
    execution: ExecutionId,
    arguments: &PageArguments,
) -> Result<Paged<Approval>> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let filter = store::ApprovalFilter { execution_id: Some(execution), ..store::ApprovalFilter::default() };
    let (field, direction) = (store::ApprovalOrderField::RequestedAt, store::Direction::Ascending);
    let (list, inbox) = (format!("approvals:{execution}"), Inbox::default());
    let request = arguments.request(ctx, &list)?;
    let order = store::ApprovalOrder { field, direction };
    let page = approvals::page(services, viewer, &filter, inbox, order, &request).await.graphql()?;
    paged(ctx, page, &list, CountOf::Approvals(Box::new(filter), inbox), Approval::of)
}

/// Reads approvals.
#[derive(Default)]
pub struct ApprovalQuery;

/// Reads approvals.
#[Object]
impl ApprovalQuery {
    /// One approval.
    #[graphql(directive = authorized::apply(Permission::ApprovalRead))]
    async fn approval(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Approval> {
        let read =
            async { approvals::approval(ctx.data::<Services>()?, viewer_of(ctx)?, parse_id(&id)?).await.graphql() };
        or_null(ctx, read.await).flatten().map(Approval::of)
    }

    /// Approvals; the inbox with `assignedToViewer`.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ApprovalRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay list")]
    async fn approvals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ApprovalFilter>,
        #[graphql(desc = "Search text: words of the id, the step, or of what it is about.")] search: Option<String>,
        #[graphql(desc = "Sort order; the id breaks ties, so pages are stable.")] order_by: Option<ApprovalOrder>,
    ) -> Option<Paged<Approval>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (filter, inbox) = filter.unwrap_or_default().resolve(services, viewer, search).await?;
            let order = ApprovalOrder::resolve(order_by);
            let list = format!("approvals:{:?}:{:?}", order.field, order.direction);
            let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
            let page = approvals::page(services, viewer, &filter, inbox, order, &request).await.graphql()?;
            paged(ctx, page, &list, CountOf::Approvals(Box::new(filter), inbox), Approval::of)
        };
        or_null(ctx, read.await)
    }
}
