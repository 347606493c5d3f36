//! An address that is told of what happens.

use async_graphql::{Context, ID, Object, Result};
use ids::WorkflowId;
use service::{ServiceError, Services, webhooks};
use store::WebhookEndpointRow;

use super::delivery::WebhookDelivery;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// An address that is told of changes, after the Standard Webhooks specification.
#[derive(Debug, Clone)]
pub struct WebhookEndpoint(pub(super) WebhookEndpointRow);

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    let read = serde_json::from_str(text).map_err(|error| ServiceError::Internal {
        what: "a stored webhook endpoint cannot be read",
        source: error.into(),
    });
    read.graphql()
}

/// An address that is told of changes, after the Standard Webhooks specification.
#[Object]
impl WebhookEndpoint {
    /// Global id, prefix `whk_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Address.
    async fn url(&self) -> Url {
        Url(self.0.url.clone())
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What it is told.
    async fn event_types(&self) -> Result<Vec<String>> {
        read(&self.0.event_types)
    }

    /// Only of these workflows; of all when null. Those that were deleted are left out.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow_filter(&self, ctx: &Context<'_>) -> Result<Option<Vec<Workflow>>> {
        let Some(text) = &self.0.workflow_ids else { return Ok(None) };
        let ids: Vec<WorkflowId> = read(text)?;
        let found = loader(ctx)?.load_many(ids.clone()).await.map_err(|error| shared(&error))?;
        Ok(Some(ids.iter().filter_map(|id| found.get(id).cloned()).map(Workflow).collect()))
    }

    /// False: nothing is sent.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// Why it was switched off by itself.
    async fn disabled_reason(&self) -> Option<&str> {
        self.0.disabled_reason.as_deref()
    }

    /// Since when nothing has come through.
    async fn failing_since(&self) -> Option<DateTime> {
        self.0.failing_since_ms.map(DateTime::from_ms)
    }

    /// What was sent, newest first; it is kept for 30 days.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those that were tried and not accepted.", default = false)] failed_only: bool,
    ) -> Result<Paged<WebhookDelivery>> {
        let list = format!("webhook_deliveries:{}:{failed_only}", self.0.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let page = webhooks::deliveries(services, viewer, self.0.id, failed_only, &request).await.graphql()?;
        let count = CountOf::WebhookDeliveries(self.0.id, failed_only);
        paged(ctx, page, &list, count, |row| WebhookDelivery { row, endpoint: self.0.clone() })
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Who created it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.0.created_by)
    }
}
