//! The live inbox.

use async_graphql::{Context, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, approvals};

use super::filter::ApprovalFilter;
use super::object::Approval;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::gate::declared;
use crate::graphql::subscriptions::ListChangeKind;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A change in a live inbox.
#[derive(SimpleObject)]
pub struct ApprovalChange {
    /// Position, for `after`.
    cursor: String,
    /// What happened.
    kind: ListChangeKind,
    /// Item.
    approval: Approval,
}

/// Live lists of approvals.
pub struct ApprovalSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl ApprovalSubscription {
    /// A live inbox.
    #[graphql(directive = authorized::apply(Permission::ApprovalRead))]
    async fn approvals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ApprovalFilter>,
        #[graphql(desc = "Cursor of the last item seen.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ApprovalChange>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let (filter, inbox) = filter.unwrap_or_default().resolve(services, viewer, None).await?;
        let changes = approvals::changes(services, viewer, filter, inbox, after.as_deref()).await.graphql()?;
        Ok(changes
            .map_err(|error| top_level(&error))
            .map_ok(|change| ApprovalChange {
                cursor: change.cursor,
                kind: change.kind.into(),
                approval: Approval::of(change.approval),
            })
            .boxed())
    }
}
