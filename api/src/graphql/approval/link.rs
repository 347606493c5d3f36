//! What people see and decide who open a link of a mail, without signing in.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use engine::machine::ApprovalRequest;
use service::approvals::{self, LinkView, Ruling};
use service::{ServiceError, Services};

use super::mutations::approves;
use super::parts::{ApprovalOutcome, ApprovalStatus};
use crate::graphql::directives::public;
use crate::graphql::errors::{ErrorCode, IntoGraphql, UserError, or_null, user_errors};
use crate::graphql::origin_of;
use crate::graphql::scalars::{DateTime, Json};

/// The way that decisions come here.
const CHANNEL: &str = "email";

/// An approval as somebody sees it who opens a link: what it is about, as far as they may see it when they sign in.
pub struct ApprovalByToken(LinkView);

impl ApprovalByToken {
    fn request(&self) -> Result<ApprovalRequest> {
        serde_json::from_str(&self.0.row.request)
            .map_err(|_unreadable| async_graphql::Error::new("a stored approval cannot be read"))
    }
}

/// An approval as somebody sees it who opens a link: what it is about, as far as they may see it when they sign in.
#[Object]
impl ApprovalByToken {
    /// Global id, prefix `apr_`.
    async fn id(&self) -> ID {
        ID(self.0.row.id.to_string())
    }

    /// Step that asked.
    async fn step_path(&self) -> &str {
        &self.0.row.step_path
    }

    /// What is to be decided, in one line.
    async fn title(&self) -> String {
        super::object::title(&self.0.row)
    }

    /// Why it is asked; null for whoever may not see data of executions.
    async fn description(&self) -> Result<Option<String>> {
        if self.0.shows_data { Ok(self.request()?.reason) } else { Ok(None) }
    }

    /// What was shown to the decider; null for whoever may not see data of executions.
    async fn data(&self) -> Result<Option<Json>> {
        if self.0.shows_data { Ok(Some(async_graphql::Json(self.request()?.data))) } else { Ok(None) }
    }

    /// Where it stands.
    async fn status(&self) -> ApprovalStatus {
        self.0.row.status.into()
    }

    /// Answers that are offered.
    async fn outcomes(&self) -> Vec<ApprovalOutcome> {
        vec![ApprovalOutcome::approve(), ApprovalOutcome::reject()]
    }

    /// JSON Schema of the data to give with the decision.
    async fn form_schema(&self) -> Result<Option<Json>> {
        Ok(self.request()?.form.map(async_graphql::Json))
    }

    /// When it was opened.
    async fn requested_at(&self) -> DateTime {
        DateTime::from_ms(self.0.row.requested_at_ms)
    }

    /// When it closes by itself.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.row.expires_at_ms.map(DateTime::from_ms)
    }

    /// When it was closed.
    async fn decided_at(&self) -> Option<DateTime> {
        self.0.row.decided_at_ms.map(DateTime::from_ms)
    }

    /// Name of whoever the link was sent to: in their name it decides.
    async fn person_name(&self) -> &str {
        &self.0.person.display_name
    }

    /// Until when the link counts.
    async fn link_expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// True when the link can decide it.
    async fn can_decide(&self) -> bool {
        self.0.standing.is_ok()
    }

    /// Why not.
    async fn cannot_decide_reason(&self) -> Option<ErrorCode> {
        self.0.standing.err().and_then(ErrorCode::of)
    }
}

/// An answer with a token.
#[derive(InputObject)]
pub struct ApprovalDecideByTokenInput {
    /// One-time token from a mail: what stands behind `token=` in its link.
    token: String,
    /// Name of the answer.
    outcome: String,
    /// Why; some answers demand it.
    reason: Option<String>,
    /// Form data.
    data: Option<Json>,
}

/// Answer of `approvalDecideByToken`.
#[derive(SimpleObject)]
pub struct ApprovalByTokenPayload {
    /// The approval.
    approval: Option<ApprovalByToken>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ApprovalByTokenPayload {
    fn of(outcome: Result<LinkView, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(view) => Self { approval: Some(ApprovalByToken(view)), user_errors: Vec::new() },
            Err(user_errors) => Self { approval: None, user_errors },
        })
    }
}

/// Reads approvals by links.
#[derive(Default)]
pub struct ApprovalLinkQuery;

/// Reads approvals by links.
#[Object]
impl ApprovalLinkQuery {
    /// One approval for somebody who is not signed in, as far as the token allows.
    #[graphql(directive = public::apply())]
    async fn approval_by_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One-time token from a mail: what stands behind `token=` in its link.")] token: String,
    ) -> Option<ApprovalByToken> {
        let read = async {
            let services = ctx.data::<Services>()?;
            approvals::by_token(services, &token, origin_of(ctx)).await.graphql().map(ApprovalByToken)
        };
        or_null(ctx, read.await)
    }
}

/// Decisions by links.
#[derive(Default)]
pub struct ApprovalLinkMutation;

/// Decisions by links.
#[Object]
impl ApprovalLinkMutation {
    /// Gives an answer with a one-time token, without sign-in, in the name of whoever it was sent to. The token is
    /// used up by the decision alone, not by an answer that is refused.
    #[graphql(directive = public::apply())]
    async fn approval_decide_by_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ApprovalDecideByTokenInput,
    ) -> Option<ApprovalByTokenPayload> {
        let ApprovalDecideByTokenInput { token, outcome, reason, data } = input;
        let run = async {
            let services = ctx.data::<Services>()?;
            let decided = match approves(&outcome) {
                Ok(approves) => {
                    let ruling = Ruling { approves, reason, data: data.map(|data| data.0), channel: CHANNEL };
                    approvals::decide_by_token(services, &token, ruling, origin_of(ctx)).await
                }
                Err(error) => Err(error),
            };
            ApprovalByTokenPayload::of(decided)
        };
        or_null(ctx, run.await)
    }
}
