//! What can be asked about outgoing webhooks.

use async_graphql::{Context, ID, Object};
use service::{Services, webhooks};

use super::endpoint::WebhookEndpoint;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What can be asked about outgoing webhooks.
#[derive(Default)]
pub struct WebhookQuery;

const LIST: &str = "webhook_endpoints";

/// What can be asked about outgoing webhooks.
#[Object]
impl WebhookQuery {
    /// One outgoing webhook.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Option<WebhookEndpoint> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            Ok(webhooks::endpoint(services, viewer, parse_id(&id)?).await.graphql()?.map(WebhookEndpoint))
        };
        or_null(ctx, read.await).flatten()
    }

    /// Outgoing webhooks, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoints(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<WebhookEndpoint>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let request = PageArguments { first, after, last, before }.request(ctx, LIST)?;
            let page = webhooks::page(services, viewer, &request).await.graphql()?;
            paged(ctx, page, LIST, CountOf::WebhookEndpoints, WebhookEndpoint)
        };
        or_null(ctx, read.await)
    }
}
