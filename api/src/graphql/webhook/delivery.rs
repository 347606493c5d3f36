//! A message to an address, and the tries to send it.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use service::{ServiceError, Services, webhooks};
use store::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};

use super::endpoint::WebhookEndpoint;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::payload::Payload;
use crate::graphql::scalars::{DateTime, Duration};
use crate::graphql::viewer_of;

/// A message to an endpoint.
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    pub(super) row: WebhookDeliveryRow,
    pub(super) endpoint: WebhookEndpointRow,
}

/// One try.
#[derive(Debug, Clone, SimpleObject)]
pub struct WebhookAttempt {
    /// When.
    at: DateTime,
    /// Answer.
    status_code: Option<i32>,
    /// How long it took.
    duration: Duration,
    /// What went wrong.
    error: Option<String>,
    /// The first 1,000 characters of what was answered.
    excerpt: Option<String>,
}

impl From<WebhookAttemptRow> for WebhookAttempt {
    fn from(row: WebhookAttemptRow) -> Self {
        Self {
            at: DateTime::from_ms(row.at_ms),
            status_code: row.status_code,
            duration: Duration::between_ms(0, row.duration_ms),
            error: row.error,
            excerpt: row.excerpt,
        }
    }
}

/// A message to an endpoint.
#[Object]
impl WebhookDelivery {
    /// Global id, prefix `whd_`: the `webhook-id` of every try.
    async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// Endpoint.
    async fn endpoint(&self) -> WebhookEndpoint {
        WebhookEndpoint(self.endpoint.clone())
    }

    /// What it tells.
    async fn event_type(&self) -> &str {
        &self.row.event_type
    }

    /// What was sent.
    async fn body(&self) -> Result<Payload> {
        let value = serde_json::from_str(&self.row.body).map_err(|error| ServiceError::Internal {
            what: "a stored webhook delivery cannot be read",
            source: error.into(),
        });
        Payload::at(value.graphql()?, None)
    }

    /// Tries, oldest first.
    #[graphql(complexity = "10 * child_complexity")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<WebhookAttempt>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let rows = webhooks::attempts(services, viewer, self.row.id).await.graphql()?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// True when it was accepted.
    async fn is_delivered(&self) -> bool {
        self.row.status == WebhookStatus::Delivered
    }

    /// Next try; null when there is none.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.row.due_at_ms.map(DateTime::from_ms)
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.row.created_at_ms)
    }
}
