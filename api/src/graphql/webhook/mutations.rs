//! Changes of outgoing webhooks.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::webhooks::{self, EndpointPatch, NewEndpoint, WithSecret};
use service::{ServiceError, Services};
use store::{WebhookDeliveryRow, WebhookEndpointRow};

use super::delivery::WebhookDelivery;
use super::endpoint::WebhookEndpoint;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::{parse_id, parse_ids};
use crate::graphql::scalars::Url;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// An address to tell of changes.
#[derive(Debug, InputObject)]
pub struct WebhookEndpointCreateInput {
    /// Address.
    url: Url,
    /// What it is for.
    description: Option<String>,
    /// What to tell; `execution.*` is possible.
    event_types: Vec<String>,
    /// Only of these workflows.
    workflow_ids: Option<Vec<ID>>,
}

/// Changes to an address; absent fields stay.
#[derive(Debug, InputObject)]
pub struct WebhookEndpointUpdateInput {
    /// Which.
    id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// Address.
    url: Option<Url>,
    /// What it is for.
    description: Option<String>,
    /// What to tell.
    event_types: Option<Vec<String>>,
    /// Only of these workflows; of all when the list is empty.
    workflow_ids: Option<Vec<ID>>,
    /// False: nothing is sent.
    is_enabled: Option<bool>,
}

/// A signing secret to renew.
#[derive(Debug, InputObject)]
pub struct WebhookEndpointRotateSecretInput {
    /// Endpoint.
    id: ID,
}

/// An address to remove.
#[derive(Debug, InputObject)]
pub struct WebhookEndpointDeleteInput {
    /// Which.
    id: ID,
}

/// An address to try.
#[derive(Debug, InputObject)]
pub struct WebhookEndpointTestInput {
    /// Which.
    id: ID,
}

/// A message to send again.
#[derive(Debug, InputObject)]
pub struct WebhookDeliveryRetryInput {
    /// Which.
    id: ID,
}

/// Answer of a WebhookEndpoint mutation.
#[derive(Debug, SimpleObject)]
pub struct WebhookEndpointPayload {
    /// The address.
    endpoint: Option<WebhookEndpoint>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Answer of a WebhookEndpointSecret mutation.
#[derive(SimpleObject)]
pub struct WebhookEndpointSecretPayload {
    /// The address.
    endpoint: Option<WebhookEndpoint>,
    /// The signing secret; shown only now.
    secret: Option<String>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Answer of a WebhookDelivery mutation.
#[derive(Debug, SimpleObject)]
pub struct WebhookDeliveryPayload {
    /// The message.
    delivery: Option<WebhookDelivery>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

fn with_secret(outcome: Result<WithSecret, ServiceError>) -> Result<WebhookEndpointSecretPayload> {
    Ok(match user_errors(outcome)? {
        Ok(made) => WebhookEndpointSecretPayload {
            endpoint: Some(WebhookEndpoint(made.row)),
            secret: Some(made.secret.reveal().to_owned()),
            user_errors: Vec::new(),
        },
        Err(user_errors) => WebhookEndpointSecretPayload { endpoint: None, secret: None, user_errors },
    })
}

fn sent(outcome: Result<(WebhookEndpointRow, WebhookDeliveryRow), ServiceError>) -> Result<WebhookDeliveryPayload> {
    Ok(match user_errors(outcome)? {
        Ok((endpoint, row)) => {
            WebhookDeliveryPayload { delivery: Some(WebhookDelivery { row, endpoint }), user_errors: Vec::new() }
        }
        Err(user_errors) => WebhookDeliveryPayload { delivery: None, user_errors },
    })
}

/// Changes of outgoing webhooks.
#[derive(Default)]
pub struct WebhookMutation;

/// Changes of outgoing webhooks.
#[Object]
impl WebhookMutation {
    /// Creates an address that is told of changes.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookEndpointCreateInput,
    ) -> Option<WebhookEndpointSecretPayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let new = NewEndpoint {
                url: input.url.0,
                description: input.description,
                event_types: input.event_types,
                workflows: input.workflow_ids.as_deref().map(parse_ids).transpose()?,
            };
            with_secret(webhooks::create(services, viewer, new).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes it.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookEndpointUpdateInput,
    ) -> Option<WebhookEndpointPayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let patch = EndpointPatch {
                expected_revision: input.expected_revision,
                url: input.url.map(|url| url.0),
                description: input.description,
                event_types: input.event_types,
                workflows: input.workflow_ids.as_deref().map(parse_ids).transpose()?,
                is_enabled: input.is_enabled,
            };
            let outcome = webhooks::update(services, viewer, parse_id(&input.id)?, patch).await;
            Ok(match user_errors(outcome)? {
                Ok(row) => WebhookEndpointPayload { endpoint: Some(WebhookEndpoint(row)), user_errors: Vec::new() },
                Err(user_errors) => WebhookEndpointPayload { endpoint: None, user_errors },
            })
        };
        or_null(ctx, update.await)
    }

    /// Makes a new secret; for a day both sign.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint_rotate_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookEndpointRotateSecretInput,
    ) -> Option<WebhookEndpointSecretPayload> {
        let rotate = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            with_secret(webhooks::rotate_secret(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, rotate.await)
    }

    /// Removes it, with its messages.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookEndpointDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, webhooks::delete(services, viewer, id).await)
        };
        or_null(ctx, delete.await)
    }

    /// Sends it a message that tells nothing.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_endpoint_test(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookEndpointTestInput,
    ) -> Option<WebhookDeliveryPayload> {
        let test = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            sent(webhooks::test(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, test.await)
    }

    /// Sends a message again.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn webhook_delivery_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WebhookDeliveryRetryInput,
    ) -> Option<WebhookDeliveryPayload> {
        let retry = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            sent(webhooks::redeliver(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, retry.await)
    }
}
