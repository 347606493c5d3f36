//! Live progress of bulk operations.

use async_graphql::{Context, ID, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, bulk};

use super::node::BulkOperation;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::filters::parse_id;
use crate::graphql::gate::declared;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Progress.
#[derive(SimpleObject)]
pub struct BulkOperationUpdate {
    /// State.
    bulk_operation: BulkOperation,
}

/// Live progress of bulk operations.
pub struct BulkSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl BulkSubscription {
    /// Progress of a bulk operation, from now until its end.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn bulk_operation_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Bulk operation.")] id: ID,
    ) -> Result<impl Stream<Item = Result<BulkOperationUpdate>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let updates = bulk::updates(services, viewer, parse_id(&id)?).await.graphql()?;
        Ok(updates
            .map_err(|error| top_level(&error))
            .map_ok(|row| BulkOperationUpdate { bulk_operation: BulkOperation(row) })
            .boxed())
    }
}
