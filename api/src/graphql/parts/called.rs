//! A service: another system that workflows call by name.

use async_graphql::{Context, Enum, ID, Object, Result};
use store::{PartKind, ServiceRow};

use super::secret::Secret;
use super::used::{stored, used_by};
use crate::graphql::connection::{PageArguments, Paged};
use crate::graphql::directives::authorized;
use crate::graphql::scalars::{DateTime, Json, Url};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::workflow::Workflow;

/// Sorts of systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ServiceKind")]
pub enum ServiceKind {
    /// HTTP API.
    Http,
    /// GraphQL API.
    Graphql,
    /// Database.
    Sql,
    /// Redis.
    Redis,
    /// Mail server.
    Email,
    /// Slack, Teams and the like.
    Chat,
    /// Model provider.
    Ai,
    /// System of records with entities: create, update, delete.
    Records,
}

/// Ways of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::AuthenticationKind")]
pub enum AuthenticationKind {
    /// None.
    None,
    /// Name and password.
    Basic,
    /// Token.
    Bearer,
    /// Key in a header.
    ApiKey,
    /// Signature, as the Standard Webhooks specification says.
    Hmac,
}

/// How a service is called.
#[derive(Debug, Clone)]
pub struct ServiceAuthentication(ServiceRow);

/// How a service is called.
#[Object]
impl ServiceAuthentication {
    /// Way.
    async fn kind(&self) -> AuthenticationKind {
        self.0.auth_kind.into()
    }

    /// Stored secret.
    #[graphql(directive = authorized::apply(Permission::SecretUse))]
    async fn secret(&self, ctx: &Context<'_>) -> Result<Option<Secret>> {
        match &self.0.auth_secret {
            Some(name) => super::loaders::secret(ctx, name).await,
            None => Ok(None),
        }
    }

    /// Name of the stored secret.
    async fn secret_name(&self) -> Option<&str> {
        self.0.auth_secret.as_deref()
    }

    /// For API_KEY; `x-api-key` when null.
    async fn header_name(&self) -> Option<&str> {
        self.0.auth_header.as_deref()
    }
}

/// Another system that workflows call.
#[derive(Debug, Clone)]
pub struct Service(pub(super) ServiceRow);

/// Another system that workflows call.
#[Object]
impl Service {
    /// Global id, prefix `svc_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in definitions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Sort of system.
    async fn kind(&self) -> ServiceKind {
        self.0.kind.into()
    }

    /// Where it is.
    async fn base_url(&self) -> Option<Url> {
        self.0.base_url.clone().map(Url)
    }

    /// How it is called.
    async fn authentication(&self) -> ServiceAuthentication {
        ServiceAuthentication(self.0.clone())
    }

    /// Headers, time limit, entities, templates and the like.
    async fn settings(&self) -> Result<Json> {
        Ok(async_graphql::Json(stored(&self.0.settings)?))
    }

    /// Workflows whose published version calls it.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Workflow>> {
        used_by(ctx, PartKind::Service, &self.0.name, PageArguments { first, after, last, before }).await
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime::from_ms(self.0.updated_at_ms)
    }

    /// Who changed it last.
    async fn updated_by(&self) -> Actor {
        Actor::from_id(&self.0.updated_by)
    }
}
