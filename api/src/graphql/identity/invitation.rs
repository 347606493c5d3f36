//! Invitations.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::ServiceError;
use service::identity::invitations::MadeInvitation;
use store::InvitationRow;

use super::role::Role;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, user_errors};
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::viewer::{Actor, Permission};

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation(pub(super) InvitationRow);

/// An invitation.
#[Object]
impl Invitation {
    /// Global id, prefix `inv_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who is invited.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// As what; null when the role was deleted.
    #[graphql(directive = authorized::apply(Permission::MemberRead))]
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        Ok(loader(ctx)?.load_one(self.0.role_id).await.map_err(|error| shared(&error))?.map(Role))
    }

    /// By whom.
    async fn invited_by(&self) -> Actor {
        Actor::from_id(&self.0.invited_by)
    }

    /// Until when.
    async fn expires_at(&self) -> DateTime {
        DateTime::from_ms(self.0.expires_at_ms)
    }
}

/// An invitation to make.
#[derive(InputObject)]
pub struct InvitationCreateInput {
    /// Who.
    pub(super) email: String,
    /// As what; never more than the caller may do.
    pub(super) role_id: ID,
}

/// An invitation to accept.
#[derive(InputObject)]
pub struct InvitationAcceptInput {
    /// Token from the invitation.
    #[graphql(secret)]
    pub(super) token: String,
}

/// An invitation to take back.
#[derive(InputObject)]
pub struct InvitationDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// Answer of an Invitation mutation.
#[derive(SimpleObject)]
pub struct InvitationPayload {
    /// The invitation.
    invitation: Option<Invitation>,
    /// Where it is accepted; shown only now.
    accept_url: Option<Url>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl InvitationPayload {
    pub(super) fn of(outcome: Result<MadeInvitation, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(made) => Self {
                invitation: Some(Invitation(made.row)),
                accept_url: Some(Url(made.accept_url)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self { invitation: None, accept_url: None, user_errors },
        })
    }
}
