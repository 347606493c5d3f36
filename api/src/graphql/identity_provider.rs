//! Sign-in with OpenID Connect: set up by owners, offered to everybody.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::Services;
use service::identity::oidc::{self, ProviderInput};
use service::sealed::Secret;
use store::IdentityProviderRow;

use super::deleted::DeletePayload;
use super::directives::authorized;
use super::errors::{IntoGraphql, UserError, or_null, user_errors};
use super::filters::parse_id;
use super::scalars::{Json, Url};
use super::viewer::Permission;
use super::viewer_of;

/// Sign-in by OpenID Connect.
#[derive(Debug, SimpleObject)]
pub struct IdentityProvider {
    /// Global id, prefix `idp_`.
    id: ID,
    /// Name on the button.
    name: String,
    /// Issuer.
    issuer: Url,
    /// Client id.
    client_id: String,
    /// Whether there is a client secret, which is never shown.
    has_client_secret: bool,
    /// Claims to roles.
    role_mapping: Json,
    /// True: offered.
    is_enabled: bool,
}

impl From<IdentityProviderRow> for IdentityProvider {
    fn from(row: IdentityProviderRow) -> Self {
        Self {
            id: row.id.to_string().into(),
            name: row.name,
            issuer: Url(row.issuer),
            client_id: row.client_id,
            has_client_secret: row.client_secret.is_some(),
            role_mapping: async_graphql::Json(serde_json::from_str(&row.role_mapping).unwrap_or_default()),
            is_enabled: row.is_enabled,
        }
    }
}

/// A way to sign in, as everybody may see it.
#[derive(Debug, SimpleObject)]
pub struct SignInProvider {
    /// Global id, prefix `idp_`.
    id: ID,
    /// Name on the button.
    name: String,
    /// Where the button leads; `return_to`, a path of this site, can be added to it.
    start_url: Url,
}

/// Ways to sign in.
pub struct AuthenticationInfo;

/// Ways to sign in.
#[Object]
impl AuthenticationInfo {
    /// By OpenID Connect: what the installation offers to everybody. What other organizations offer is known to their
    /// members by its address.
    async fn providers(&self, ctx: &Context<'_>) -> Result<Vec<SignInProvider>> {
        let services = ctx.data::<Services>()?;
        let offered = oidc::offered(services).await.graphql()?;
        let start = |id| Url(format!("{}/auth/oidc/{id}/start", services.settings().public_url));
        let shown = offered.into_iter().map(|row| SignInProvider {
            id: row.id.to_string().into(),
            name: row.name,
            start_url: start(row.id),
        });
        Ok(shown.collect())
    }
}

/// A way to sign in.
#[derive(InputObject)]
pub struct IdentityProviderSetInput {
    /// Which; a new one when absent.
    id: Option<ID>,
    /// Name on the button.
    name: String,
    /// Issuer, as its discovery document names it; it cannot change.
    issuer: Url,
    /// Client id.
    client_id: String,
    /// Client secret; stays when absent, and is taken away when empty.
    client_secret: Option<String>,
    /// Claims to roles: `{"rules": [{"claim": "groups", "value": "platform", "role": "admin"}], "default": "agent"}`.
    role_mapping: Json,
    /// True: offered.
    #[graphql(default = true)]
    is_enabled: bool,
}

/// A way to sign in to remove.
#[derive(InputObject)]
pub struct IdentityProviderDeleteInput {
    /// Which.
    id: ID,
}

/// Answer of a IdentityProvider mutation.
#[derive(Debug, SimpleObject)]
pub struct IdentityProviderPayload {
    /// The way to sign in.
    identity_provider: Option<IdentityProvider>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// What owners ask about sign-in.
#[derive(Default)]
pub struct SignInQuery;

/// What owners ask about sign-in.
#[Object]
impl SignInQuery {
    /// Ways to sign in of the caller's organization, at most 100, oldest first.
    #[graphql(directive = authorized::apply(Permission::OrganizationWrite))]
    async fn identity_providers(&self, ctx: &Context<'_>) -> Option<Vec<IdentityProvider>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let rows = oidc::list(services, viewer).await.graphql()?;
            Ok(rows.into_iter().map(IdentityProvider::from).collect())
        };
        or_null(ctx, read.await)
    }
}

/// Changes of the ways to sign in.
#[derive(Default)]
pub struct SignInMutation;

/// Changes of the ways to sign in.
#[Object]
impl SignInMutation {
    /// Sets up sign-in by OpenID Connect.
    #[graphql(directive = authorized::apply(Permission::OrganizationWrite))]
    async fn identity_provider_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: IdentityProviderSetInput,
    ) -> Option<IdentityProviderPayload> {
        or_null(ctx, set(ctx, input).await)
    }

    /// Removes a way to sign in, and who was known by it. Their accounts stay.
    #[graphql(directive = authorized::apply(Permission::OrganizationWrite))]
    async fn identity_provider_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: IdentityProviderDeleteInput,
    ) -> Option<DeletePayload> {
        or_null(ctx, delete(ctx, input).await)
    }
}

async fn set(ctx: &Context<'_>, input: IdentityProviderSetInput) -> Result<IdentityProviderPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let input = ProviderInput {
        id: input.id.as_ref().map(parse_id).transpose()?,
        name: input.name,
        issuer: input.issuer.0,
        client_id: input.client_id,
        client_secret: input.client_secret.map(Secret::new),
        role_mapping: input.role_mapping.0,
        is_enabled: input.is_enabled,
    };
    Ok(match user_errors(oidc::set(services, viewer, input).await)? {
        Ok(row) => IdentityProviderPayload { identity_provider: Some(row.into()), user_errors: Vec::new() },
        Err(user_errors) => IdentityProviderPayload { identity_provider: None, user_errors },
    })
}

async fn delete(ctx: &Context<'_>, input: IdentityProviderDeleteInput) -> Result<DeletePayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    DeletePayload::of(input.id, oidc::delete(services, viewer, id).await)
}
