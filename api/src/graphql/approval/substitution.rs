//! Somebody stands in for somebody else.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use ids::SubstitutionId;
use service::approvals::{self, NewSubstitution};
use service::{ServiceError, Services};
use store::SubstitutionRow;

use crate::graphql::connection::{PageArguments, Paged, of_list};
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::{authorized, signed_in};
use crate::graphql::errors::{IntoGraphql, UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;

/// Somebody stands in for somebody else.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalSubstitution {
    /// Global id, prefix `sub_`.
    id: ID,
    /// Who is away.
    user: Actor,
    /// Who stands in.
    substitute: Actor,
    /// From when.
    from: DateTime,
    /// Until when, left out.
    until: DateTime,
}

impl From<SubstitutionRow> for ApprovalSubstitution {
    fn from(row: SubstitutionRow) -> Self {
        Self {
            id: ID(row.id.to_string()),
            user: Actor::from_id(&row.user_id.to_string()),
            substitute: Actor::from_id(&row.substitute_id.to_string()),
            from: DateTime::from_ms(row.starts_at_ms),
            until: DateTime::from_ms(row.ends_at_ms),
        }
    }
}

/// A substitution.
#[derive(InputObject)]
pub struct ApprovalSubstitutionSetInput {
    /// Who is away; the caller when absent. Somebody else takes `APPROVAL_ADMIN`.
    user_id: Option<ID>,
    /// Who stands in.
    substitute_id: ID,
    /// From when.
    from: DateTime,
    /// Until when, left out; a year later at most.
    until: DateTime,
}

/// A substitution to end.
#[derive(InputObject)]
pub struct ApprovalSubstitutionDeleteInput {
    /// Which.
    id: ID,
}

/// Answer of an `ApprovalSubstitution` mutation.
#[derive(SimpleObject)]
pub struct ApprovalSubstitutionPayload {
    /// The substitution.
    substitution: Option<ApprovalSubstitution>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ApprovalSubstitutionPayload {
    fn of(outcome: Result<SubstitutionRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { substitution: Some(row.into()), user_errors: Vec::new() },
            Err(user_errors) => Self { substitution: None, user_errors },
        })
    }
}

/// Reads substitutions.
#[derive(Default)]
pub struct SubstitutionQuery;

/// Reads substitutions.
#[Object]
impl SubstitutionQuery {
    /// Who stands in for whom, now and later, by the beginning.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ApprovalRead))]
    async fn approval_substitutions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<ApprovalSubstitution>> {
        let read = async {
            let rows = approvals::substitutions(ctx.data::<Services>()?, viewer_of(ctx)?).await.graphql()?;
            let items = rows.into_iter().map(Into::into).collect();
            of_list(ctx, items, "substitutions", &PageArguments { first, after, last, before })
        };
        or_null(ctx, read.await)
    }
}

/// Substitutions.
#[derive(Default)]
pub struct SubstitutionMutation;

/// Substitutions.
#[Object]
impl SubstitutionMutation {
    /// Names somebody to stand in: they may decide what the person who is away may decide. Those of the same person
    /// that overlap it are replaced.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_substitution_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalSubstitutionSetInput,
    ) -> Option<ApprovalSubstitutionPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let new = NewSubstitution {
                user: input.user_id.as_ref().map(parse_id).transpose()?,
                substitute: parse_id(&input.substitute_id)?,
                from: input.from.0,
                until: input.until.0,
            };
            ApprovalSubstitutionPayload::of(approvals::set_substitution(services, viewer, new).await)
        };
        or_null(ctx, run.await)
    }

    /// Ends a substitution: one's own, or with `APPROVAL_ADMIN` anybody's.
    #[graphql(directive = signed_in::apply())]
    async fn approval_substitution_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalSubstitutionDeleteInput,
    ) -> Option<DeletePayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id: SubstitutionId = parse_id(&input.id)?;
            DeletePayload::of(input.id, approvals::delete_substitution(services, viewer, id).await)
        };
        or_null(ctx, run.await)
    }
}
