//! Service accounts.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::identity::service_accounts;
use service::{ServiceError, Services};
use store::MembershipRow;

use super::role::Role;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A program with a membership and a role of its own, which acts through keys.
#[derive(Debug, Clone)]
pub struct ServiceAccount(pub(super) MembershipRow);

/// A program with a membership and a role of its own, which acts through keys.
#[Object]
impl ServiceAccount {
    /// Global id, prefix `usr_`.
    async fn id(&self) -> ID {
        ID(self.0.user_id.to_string())
    }

    /// Name to show.
    async fn display_name(&self, ctx: &Context<'_>) -> Result<String> {
        let user = loader(ctx)?.load_one(self.0.user_id).await.map_err(|error| shared(&error))?;
        Ok(user.map_or_else(|| self.0.user_id.to_string(), |user| user.display_name))
    }

    /// Role; null when it was deleted, which allows nothing.
    #[graphql(directive = authorized::apply(Permission::MemberRead))]
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        Ok(loader(ctx)?.load_one(self.0.role_id).await.map_err(|error| shared(&error))?.map(Role))
    }

    /// Id of its membership.
    async fn membership_id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.joined_at_ms)
    }
}

/// A service account to make.
#[derive(InputObject)]
pub struct ServiceAccountCreateInput {
    /// Name to show.
    display_name: String,
    /// Role; never more than the caller may do.
    role_id: ID,
}

/// Changes to a service account; absent fields stay.
#[derive(InputObject)]
pub struct ServiceAccountUpdateInput {
    /// Which.
    id: ID,
    /// Name to show.
    display_name: Option<String>,
    /// Role; never more than the caller may do.
    role_id: Option<ID>,
}

/// A service account to remove.
#[derive(InputObject)]
pub struct ServiceAccountDeleteInput {
    /// Which.
    id: ID,
}

/// Answer of a `ServiceAccount` mutation.
#[derive(SimpleObject)]
pub struct ServiceAccountPayload {
    /// The service account.
    service_account: Option<ServiceAccount>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ServiceAccountPayload {
    fn of(outcome: Result<service_accounts::ServiceAccount, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(account) => Self { service_account: Some(ServiceAccount(account.membership)), user_errors: Vec::new() },
            Err(user_errors) => Self { service_account: None, user_errors },
        })
    }
}

/// Changes of service accounts.
#[derive(Default)]
pub struct ServiceAccountMutation;

/// Changes of service accounts.
#[Object]
impl ServiceAccountMutation {
    /// Makes a service account.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn service_account_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceAccountCreateInput,
    ) -> Option<ServiceAccountPayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let role = parse_id(&input.role_id)?;
            ServiceAccountPayload::of(service_accounts::create(services, viewer, &input.display_name, role).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes name or role of a service account.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn service_account_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceAccountUpdateInput,
    ) -> Option<ServiceAccountPayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let role = input.role_id.as_ref().map(parse_id).transpose()?;
            let id = parse_id(&input.id)?;
            let outcome = service_accounts::update(services, viewer, id, input.display_name, role).await;
            ServiceAccountPayload::of(outcome)
        };
        or_null(ctx, update.await)
    }

    /// Removes a service account; its keys become void.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn service_account_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceAccountDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            let deleted = service_accounts::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await;
            DeletePayload::of(input.id, deleted)
        };
        or_null(ctx, delete.await)
    }
}
