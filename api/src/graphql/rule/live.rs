//! Rules, live.

use async_graphql::{Context, ID, Result, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, rules};

use super::node::Rule;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::filters::parse_id;
use crate::graphql::gate::declared;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Rules, live.
pub struct RuleSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl RuleSubscription {
    /// A rule: at once, and again whenever it was changed, until it is deleted.
    #[graphql(directive = authorized::apply(Permission::RuleRead))]
    async fn rule_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rule.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Rule>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let updates = rules::updates(services, viewer, parse_id(&id)?).await.graphql()?;
        Ok(updates.map_err(|error| top_level(&error)).map_ok(Rule).boxed())
    }
}
