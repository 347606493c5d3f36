//! Members, and how somebody becomes one.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::identity::{invitations, members};
use service::{ServiceError, Services};
use store::MembershipRow;

use super::invitation::{InvitationAcceptInput, InvitationCreateInput, InvitationDeleteInput, InvitationPayload};
use super::organization::Organization;
use super::role::Role;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::{authorized, signed_in};
use crate::graphql::errors::{IntoGraphql, UserError, or_null, user_errors};
use crate::graphql::filters::{StringFilter, parse_id};
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;

/// Somebody's place in an organization.
#[derive(Debug, Clone)]
pub struct Membership(pub(super) MembershipRow);

/// Somebody's place in an organization.
#[Object]
impl Membership {
    /// Global id, prefix `mem_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Organization; null when it was deleted.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let viewer = service::Viewer { organization: self.0.organization_id, ..viewer_of(ctx)?.clone() };
        let id = self.0.organization_id;
        let row = service::identity::organizations::organization(ctx.data::<Services>()?, &viewer, id).await;
        Ok(row.graphql()?.map(Organization::from))
    }

    /// Who.
    async fn actor(&self) -> Actor {
        Actor::from_id(&self.0.user_id.to_string())
    }

    /// Address; service accounts have none.
    #[graphql(directive = authorized::apply(Permission::MemberRead))]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let user = loader(ctx)?.load_one(self.0.user_id).await.map_err(|error| shared(&error))?;
        Ok(user.and_then(|user| user.email))
    }

    /// Role; null when it was deleted, which allows nothing.
    #[graphql(directive = authorized::apply(Permission::MemberRead))]
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        Ok(loader(ctx)?.load_one(self.0.role_id).await.map_err(|error| shared(&error))?.map(Role))
    }

    /// Who invited.
    async fn invited_by(&self) -> Option<Actor> {
        self.0.invited_by.as_deref().map(Actor::from_id)
    }

    /// Since when.
    async fn joined_at(&self) -> DateTime {
        DateTime::from_ms(self.0.joined_at_ms)
    }
}

/// Which members.
#[derive(Debug, Default, InputObject)]
pub struct MemberFilter {
    /// With this role.
    role_id: Option<ID>,
    /// By name or address.
    name: Option<StringFilter>,
}

impl MemberFilter {
    pub(super) fn resolve(self) -> Result<store::MemberFilter> {
        Ok(store::MemberFilter {
            role: self.role_id.as_ref().map(parse_id).transpose()?,
            name: self.name.map(Into::into),
            is_service: None,
        })
    }
}

/// Changes to a member.
#[derive(InputObject)]
pub struct MembershipUpdateInput {
    /// Which.
    id: ID,
    /// Role.
    role_id: ID,
}

/// A member to remove.
#[derive(InputObject)]
pub struct MembershipDeleteInput {
    /// Which.
    id: ID,
}

/// Answer of a Membership mutation.
#[derive(Debug, SimpleObject)]
pub struct MembershipPayload {
    /// The membership.
    membership: Option<Membership>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl MembershipPayload {
    fn of(outcome: Result<MembershipRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { membership: Some(Membership(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { membership: None, user_errors },
        })
    }
}

/// Changes of members and invitations.
#[derive(Default)]
pub struct MemberMutation;

/// Changes of members and invitations.
#[Object]
impl MemberMutation {
    /// Invites somebody, in place of the invitation they had before.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn invitation_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: InvitationCreateInput,
    ) -> Option<InvitationPayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let role = parse_id(&input.role_id)?;
            InvitationPayload::of(invitations::create(services, viewer, &input.email, role).await)
        };
        or_null(ctx, create.await)
    }

    /// Accepts an invitation.
    #[graphql(directive = signed_in::apply())]
    async fn invitation_accept(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: InvitationAcceptInput,
    ) -> Option<MembershipPayload> {
        let accept = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            MembershipPayload::of(invitations::accept(services, viewer, &input.token).await)
        };
        or_null(ctx, accept.await)
    }

    /// Takes an invitation back.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn invitation_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: InvitationDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, invitations::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }

    /// Changes the role of a member.
    #[graphql(directive = authorized::apply(Permission::MemberWrite))]
    async fn membership_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: MembershipUpdateInput,
    ) -> Option<MembershipPayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (id, role) = (parse_id(&input.id)?, parse_id(&input.role_id)?);
            MembershipPayload::of(members::update(services, viewer, id, role).await)
        };
        or_null(ctx, update.await)
    }

    /// Removes a member; oneself, to leave, needs no permission.
    #[graphql(directive = signed_in::apply())]
    async fn membership_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: MembershipDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, members::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }
}
