//! People decide.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use ids::ApprovalId;
use service::approvals::{self, Ruling};
use service::{Code, Mistake, ServiceError, Services};
use store::ApprovalRow;

use super::object::Approval;
use crate::graphql::bulk::BulkFailure;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, item_errors, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::Json;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// The way that decisions come here.
const CHANNEL: &str = "api";

/// A yes.
#[derive(InputObject)]
pub struct ApprovalApproveInput {
    /// Approval.
    id: ID,
    /// Why.
    reason: Option<String>,
    /// Form data.
    data: Option<Json>,
}

/// A no.
#[derive(InputObject)]
pub struct ApprovalRejectInput {
    /// Approval.
    id: ID,
    /// Why.
    reason: String,
    /// Form data.
    data: Option<Json>,
}

/// An answer.
#[derive(InputObject)]
pub struct ApprovalDecideInput {
    /// Approval.
    id: ID,
    /// Name of the answer.
    outcome: String,
    /// Why; some answers demand it.
    reason: Option<String>,
    /// Form data.
    data: Option<Json>,
}

/// The same answer to many.
#[derive(InputObject)]
pub struct ApprovalDecideBatchInput {
    /// Approvals, at most 100.
    ids: Vec<ID>,
    /// Name of the answer.
    outcome: String,
    /// Why.
    reason: Option<String>,
}

/// A comment.
#[derive(InputObject)]
pub struct ApprovalCommentInput {
    /// Approval.
    id: ID,
    /// Text, Markdown.
    body: String,
}

/// Answer of an `ApprovalDecideBatch` mutation.
#[derive(SimpleObject)]
pub struct ApprovalDecideBatchPayload {
    /// Decided ones.
    approvals: Vec<Approval>,
    /// Others, and why.
    failures: Vec<BulkFailure>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Answer of an `Approval` mutation.
#[derive(SimpleObject)]
pub struct ApprovalPayload {
    /// The approval.
    approval: Option<Approval>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Whether an answer of this name is a yes.
pub(super) fn approves(outcome: &str) -> Result<bool, ServiceError> {
    match outcome {
        "approve" => Ok(true),
        "reject" => Ok(false),
        _other => {
            let mistake = Mistake::new(Code::Invalid, "outcome", "this answer is not offered");
            Err(ServiceError::mistake(mistake.with_help("The field `outcomes` of the approval has those that are.")))
        }
    }
}

async fn decide(ctx: &Context<'_>, id: &ID, ruling: Result<Ruling, ServiceError>) -> Result<ApprovalPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(id)?;
    let decided = match ruling {
        Ok(ruling) => approvals::decide(services, viewer, id, ruling).await,
        Err(error) => Err(error),
    };
    payload(decided)
}

pub(super) fn payload(outcome: Result<ApprovalRow, ServiceError>) -> Result<ApprovalPayload> {
    Ok(match user_errors(outcome)? {
        Ok(row) => ApprovalPayload { approval: Some(Approval::of(row)), user_errors: Vec::new() },
        Err(user_errors) => ApprovalPayload { approval: None, user_errors },
    })
}

/// Approvals of one call at most.
const MAX_BATCH: usize = 100;

/// Each by itself: that one is refused changes nothing about the others.
async fn decide_batch(ctx: &Context<'_>, input: ApprovalDecideBatchInput) -> Result<ApprovalDecideBatchPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let mut payload =
        ApprovalDecideBatchPayload { approvals: Vec::new(), failures: Vec::new(), user_errors: Vec::new() };
    let checked = approves(&input.outcome).and_then(|approves| {
        if input.ids.len() > MAX_BATCH {
            let message = format!("{} approvals are given, {MAX_BATCH} are the most", input.ids.len());
            return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "ids", message)));
        }
        Ok(approves)
    });
    let approves = match user_errors(checked)? {
        Ok(approves) => approves,
        Err(user_errors) => return Ok(ApprovalDecideBatchPayload { user_errors, ..payload }),
    };
    let ids: Vec<ApprovalId> = input.ids.iter().map(parse_id).collect::<Result<_>>()?;
    for id in ids {
        let ruling = Ruling { approves, reason: input.reason.clone(), data: None, channel: CHANNEL };
        match item_errors(approvals::decide(services, viewer, id, ruling).await)? {
            Ok(row) => payload.approvals.push(Approval::of(row)),
            Err(errors) => {
                payload.failures.extend(errors.into_iter().map(|error| BulkFailure::of(ID(id.to_string()), error)));
            }
        }
    }
    Ok(payload)
}

/// Decisions of people.
#[derive(Default)]
pub struct ApprovalMutation;

/// Decisions of people.
#[Object]
impl ApprovalMutation {
    /// Says yes.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_approve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalApproveInput,
    ) -> Option<ApprovalPayload> {
        let ApprovalApproveInput { id, reason, data } = input;
        let ruling = Ruling { approves: true, reason, data: data.map(|data| data.0), channel: CHANNEL };
        or_null(ctx, decide(ctx, &id, Ok(ruling)).await)
    }

    /// Says no.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_reject(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalRejectInput,
    ) -> Option<ApprovalPayload> {
        let ApprovalRejectInput { id, reason, data } = input;
        let ruling = Ruling { approves: false, reason: Some(reason), data: data.map(|data| data.0), channel: CHANNEL };
        or_null(ctx, decide(ctx, &id, Ok(ruling)).await)
    }

    /// Gives one of the offered answers.
    #[graphql(directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_decide(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalDecideInput,
    ) -> Option<ApprovalPayload> {
        let ApprovalDecideInput { id, outcome, reason, data } = input;
        let ruling = approves(&outcome).map(|approves| Ruling {
            approves,
            reason,
            data: data.map(|data| data.0),
            channel: CHANNEL,
        });
        or_null(ctx, decide(ctx, &id, ruling).await)
    }

    /// Gives the same answer to many.
    #[graphql(complexity = "input.ids.len().clamp(1, 100) * 10 + child_complexity", directive = authorized::apply(Permission::ApprovalDecide))]
    async fn approval_decide_batch(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalDecideBatchInput,
    ) -> Option<ApprovalDecideBatchPayload> {
        or_null(ctx, decide_batch(ctx, input).await)
    }

    /// Adds a comment.
    #[graphql(directive = authorized::apply(Permission::ApprovalRead))]
    async fn approval_comment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalCommentInput,
    ) -> Option<ApprovalPayload> {
        let comment = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            payload(approvals::comment(services, viewer, parse_id(&input.id)?, input.body).await)
        };
        or_null(ctx, comment.await)
    }
}
