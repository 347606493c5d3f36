//! What can be asked about bulk operations.

use async_graphql::{Context, ID, Object};
use service::{Services, bulk};

use super::node::BulkOperation;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What can be asked about bulk operations.
#[derive(Default)]
pub struct BulkQuery;

const LIST: &str = "bulk_operations";

/// What can be asked about bulk operations.
#[Object]
impl BulkQuery {
    /// One bulk operation.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn bulk_operation(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<BulkOperation> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            Ok(bulk::operation(services, viewer, parse_id(&id)?).await.graphql()?.map(BulkOperation))
        };
        or_null(ctx, read.await).flatten()
    }

    /// Bulk operations, newest first; they are kept for 90 days after their end.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn bulk_operations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<BulkOperation>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let request = PageArguments { first, after, last, before }.request(ctx, LIST)?;
            let page = bulk::page(services, viewer, &request).await.graphql()?;
            paged(ctx, page, LIST, CountOf::BulkOperations, BulkOperation)
        };
        or_null(ctx, read.await)
    }
}
