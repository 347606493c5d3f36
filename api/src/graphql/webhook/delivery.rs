//! A message to an address, and the tries to send it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use ids::WebhookDeliveryId;
use service::{ServiceError, webhooks};
use store::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};

use super::endpoint::WebhookEndpoint;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::loaders::{Reader, loader, shared};
use crate::graphql::payload::Payload;
use crate::graphql::scalars::{DateTime, Duration};

/// The tries to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct AttemptsOf(WebhookDeliveryId);

#[async_graphql::async_trait::async_trait]
impl Loader<AttemptsOf> for Reader {
    type Value = Vec<WebhookAttemptRow>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[AttemptsOf]) -> Result<HashMap<AttemptsOf, Self::Value>, Self::Error> {
        let ids: Vec<WebhookDeliveryId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<AttemptsOf, Self::Value> = HashMap::new();
        for row in webhooks::attempts_of(&self.services, &self.viewer, &ids).await? {
            found.entry(AttemptsOf(row.delivery_id)).or_default().push(row);
        }
        Ok(found)
    }
}

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

    /// Tries, oldest first; the last 100 of them.
    #[graphql(complexity = "10 * child_complexity")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<WebhookAttempt>> {
        let found = loader(ctx)?.load_one(AttemptsOf(self.row.id)).await.map_err(|error| shared(&error))?;
        Ok(found.unwrap_or_default().into_iter().map(Into::into).collect())
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
