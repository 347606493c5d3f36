//! Keys of programs.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::identity::api_keys::{self, MadeApiKey, NewApiKey};
use service::identity::folders;
use service::viewer::Permissions;
use service::{ServiceError, Services};
use store::ApiKeyRow;

use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, invalid, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::{DateTime, Duration};
use crate::graphql::viewer::{Actor, ActorKind, Permission};
use crate::graphql::viewer_of;

/// A key of a program.
#[derive(Debug, Clone)]
pub struct ApiKey(pub(super) ApiKeyRow);

/// A key of a program.
#[Object]
impl ApiKey {
    /// Global id, prefix `key_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name to show.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// `API_KEY` or `AGENT`.
    async fn kind(&self) -> ActorKind {
        if self.0.is_agent { ActorKind::Agent } else { ActorKind::ApiKey }
    }

    /// First characters, to recognise it.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What it allows, as far as whoever it acts for may do it too at that moment.
    async fn permissions(&self) -> Vec<Permission> {
        Permissions::from_json(&self.0.permissions).iter().map(Permission::from).collect()
    }

    /// Only in these folders; everywhere when null.
    async fn namespaces(&self) -> Option<Vec<String>> {
        folders::from_json(self.0.folders.as_deref()).map(|folders| folders.to_vec())
    }

    /// Only from these addresses and networks; from anywhere when null.
    async fn allowed_addresses(&self) -> Option<Vec<String>> {
        folders::from_json(self.0.allowed_addresses.as_deref()).map(|addresses| addresses.to_vec())
    }

    /// Whose rights bound those of the key: its maker, or its service account.
    async fn on_behalf_of(&self) -> Actor {
        Actor::from_id(&self.0.on_behalf_of.to_string())
    }

    /// Until when.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_ms)
    }

    /// Last use, to the minute.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at_ms.map(DateTime::from_ms)
    }

    /// Address of the last use.
    async fn last_used_from(&self) -> Option<&str> {
        self.0.last_used_from.as_deref()
    }

    /// Since when it is void.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at_ms.map(DateTime::from_ms)
    }

    /// Why it is void.
    async fn revoked_reason(&self) -> Option<&str> {
        self.0.revoked_reason.as_deref()
    }

    /// Who made it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.0.created_by)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }
}

/// A key to make.
#[derive(InputObject)]
pub struct ApiKeyCreateInput {
    /// Name to show.
    display_name: String,
    /// `API_KEY` or `AGENT`.
    #[graphql(default_with = "ActorKind::ApiKey")]
    kind: ActorKind,
    /// What it allows; never more than the caller has.
    permissions: Vec<Permission>,
    /// Only in these folders.
    namespaces: Option<Vec<String>>,
    /// Only from these addresses and networks.
    allowed_addresses: Option<Vec<String>>,
    /// Until when.
    expires_at: Option<DateTime>,
    /// The service account that it acts for; the caller when absent.
    service_account_id: Option<ID>,
}

/// How long an old key works beside its successor.
const DEFAULT_OVERLAP: Duration = Duration(std::time::Duration::from_hours(24));

/// A key to renew.
#[derive(InputObject)]
pub struct ApiKeyRotateInput {
    /// Which.
    id: ID,
    /// How long the old one still works, at most 30 days.
    #[graphql(default_with = "DEFAULT_OVERLAP")]
    overlap: Duration,
}

/// A key to make void.
#[derive(InputObject)]
pub struct ApiKeyRevokeInput {
    /// Which.
    id: ID,
    /// Why.
    reason: Option<String>,
}

/// Answer of an `ApiKey` mutation.
#[derive(SimpleObject)]
pub struct ApiKeyPayload {
    /// The key, without its secret part.
    api_key: Option<ApiKey>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Answer of an `ApiKeyCreate` mutation.
#[derive(SimpleObject)]
pub struct ApiKeyCreatePayload {
    /// The key.
    api_key: Option<ApiKey>,
    /// The key itself; shown only now.
    token: Option<String>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ApiKeyCreatePayload {
    fn of(outcome: Result<MadeApiKey, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(made) => Self { api_key: Some(ApiKey(made.row)), token: Some(made.token), user_errors: Vec::new() },
            Err(user_errors) => Self { api_key: None, token: None, user_errors },
        })
    }
}

/// Changes of keys.
#[derive(Default)]
pub struct ApiKeyMutation;

/// Changes of keys.
#[Object]
impl ApiKeyMutation {
    /// Makes a key; it is shown once.
    #[graphql(directive = authorized::apply(Permission::ApiKeyWrite))]
    async fn api_key_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApiKeyCreateInput,
    ) -> Option<ApiKeyCreatePayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let is_agent = match input.kind {
                ActorKind::ApiKey => false,
                ActorKind::Agent => true,
                ActorKind::User | ActorKind::ServiceAccount | ActorKind::System => {
                    return Err(invalid("`kind` of a key is `API_KEY` or `AGENT`"));
                }
            };
            let new = NewApiKey {
                display_name: input.display_name,
                is_agent,
                permissions: input.permissions.into_iter().map(Into::into).collect(),
                folders: input.namespaces,
                allowed_addresses: input.allowed_addresses,
                expires_at: input.expires_at.map(|until| until.0),
                service_account: input.service_account_id.as_ref().map(parse_id).transpose()?,
            };
            ApiKeyCreatePayload::of(api_keys::create(services, viewer, new).await)
        };
        or_null(ctx, create.await)
    }

    /// Makes a new key; the old one works for a while.
    #[graphql(directive = authorized::apply(Permission::ApiKeyWrite))]
    async fn api_key_rotate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApiKeyRotateInput,
    ) -> Option<ApiKeyCreatePayload> {
        let rotate = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            ApiKeyCreatePayload::of(api_keys::rotate(services, viewer, id, input.overlap.0).await)
        };
        or_null(ctx, rotate.await)
    }

    /// Makes a key void at once.
    #[graphql(directive = authorized::apply(Permission::ApiKeyWrite))]
    async fn api_key_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApiKeyRevokeInput,
    ) -> Option<ApiKeyPayload> {
        let revoke = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            Ok(match user_errors(api_keys::revoke(services, viewer, id, input.reason).await)? {
                Ok(row) => ApiKeyPayload { api_key: Some(ApiKey(row)), user_errors: Vec::new() },
                Err(user_errors) => ApiKeyPayload { api_key: None, user_errors },
            })
        };
        or_null(ctx, revoke.await)
    }
}
