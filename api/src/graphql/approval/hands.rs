//! Approvals change hands: they are handed over, asked of others, taken on and given back, and people are reminded.

use async_graphql::{Context, ID, InputObject, Object, Result};
use ids::{RoleId, UserId};
use service::Services;
use service::approvals::{self, Assignee};

use super::mutations::{ApprovalPayload, payload};
use crate::graphql::directives::authorized;
use crate::graphql::errors::or_null;
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// An approval to take on.
#[derive(InputObject)]
pub struct ApprovalClaimInput {
    /// Which.
    id: ID,
}

/// An approval to give back.
#[derive(InputObject)]
pub struct ApprovalReleaseInput {
    /// Which.
    id: ID,
}

/// An approval to hand over.
#[derive(InputObject)]
pub struct ApprovalDelegateInput {
    /// Which.
    id: ID,
    /// To whom.
    to_user_id: ID,
    /// Why.
    reason: Option<String>,
}

/// Who may decide.
#[derive(InputObject)]
pub struct ApprovalReassignInput {
    /// Approval.
    id: ID,
    /// Users and roles, at most 100.
    assignee_ids: Vec<ID>,
    /// Why.
    reason: String,
}

/// A reminder.
#[derive(InputObject)]
pub struct ApprovalRemindInput {
    /// Approval.
    id: ID,
}

fn assignee(id: &ID) -> Result<Assignee> {
    if id.split_once('_').is_some_and(|(prefix, _rest)| prefix == RoleId::PREFIX) {
        return Ok(Assignee::Role(parse_id::<RoleId>(id)?));
    }
    Ok(Assignee::User(parse_id::<UserId>(id)?))
}

/// Approvals change hands.
#[derive(Default)]
pub struct ApprovalHandsMutation;

/// Approvals change hands.
#[Object]
impl ApprovalHandsMutation {
    /// Takes it on: others see who works on it. It keeps nobody from deciding.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_claim(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalClaimInput,
    ) -> Option<ApprovalPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(approvals::claim(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, run.await)
    }

    /// Gives it back; with `APPROVAL_ADMIN` also what somebody else took on.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalReleaseInput,
    ) -> Option<ApprovalPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(approvals::release(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, run.await)
    }

    /// Hands it over to somebody who could decide it. Whoever hands it over may not decide it any more.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_delegate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalDelegateInput,
    ) -> Option<ApprovalPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (id, to) = (parse_id(&input.id)?, parse_id(&input.to_user_id)?);
            payload(approvals::delegate(services, viewer, id, to, input.reason).await)
        };
        or_null(ctx, run.await)
    }

    /// Changes who may decide, whoever was asked before.
    #[graphql(directive = authorized::apply(Permission::ApprovalAdmin))]
    async fn approval_reassign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalReassignInput,
    ) -> Option<ApprovalPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let to: Vec<Assignee> = input.assignee_ids.iter().map(assignee).collect::<Result<_>>()?;
            let id = parse_id(&input.id)?;
            payload(approvals::reassign(services, viewer, id, &to, input.reason).await)
        };
        or_null(ctx, run.await)
    }

    /// Reminds whoever may decide, once in ten minutes at most: by a mail with a link of their own to each, where the
    /// server sends mail.
    #[graphql(directive = authorized::apply(Permission::ApprovalRead))]
    async fn approval_remind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalRemindInput,
    ) -> Option<ApprovalPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(approvals::remind(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, run.await)
    }
}
