//! Approvals as clients see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use engine::machine::ApprovalRequest;
use store::ApprovalRow;

use super::loaders::{AssigneesOf, DecisionsOf, DelegationsOf, EventsOf, StandingOf};
use super::parts::{
    ApprovalComment, ApprovalDecision, ApprovalDelegation, ApprovalEvent, ApprovalMode, ApprovalOutcome,
    ApprovalPolicy, ApprovalStatus, ApprovalSubject,
};
use crate::graphql::connection::{PageArguments, Paged, of_list};
use crate::graphql::directives::authorized;
use crate::graphql::errors::ErrorCode;
use crate::graphql::execution::Execution;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::viewer::{Actor, Permission};

/// What is to be decided, in one line: what it is about, or else the step that asks.
pub(super) fn title(row: &ApprovalRow) -> String {
    let about: Vec<&str> = [row.entity.as_deref(), row.entity_id.as_deref()].into_iter().flatten().collect();
    if about.is_empty() { row.step_path.clone() } else { about.join(" ") }
}

/// A decision that people have to make.
#[derive(Debug, Clone)]
pub struct Approval(Arc<ApprovalRow>);

impl Approval {
    pub(in crate::graphql) fn of(row: ApprovalRow) -> Self {
        Self(Arc::new(row))
    }

    fn request(&self) -> Result<ApprovalRequest> {
        serde_json::from_str(&self.0.request)
            .map_err(|_unreadable| async_graphql::Error::new("a stored approval cannot be read"))
    }

    async fn assignees(&self, ctx: &Context<'_>) -> Result<Arc<(Vec<String>, Vec<String>)>> {
        let found = loader(ctx)?.load_one(AssigneesOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(found.unwrap_or_default())
    }
}

/// A decision that people have to make.
#[Object]
impl Approval {
    /// Global id, prefix `apr_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Execution that asked.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>) -> Result<Execution> {
        let row = loader(ctx)?.load_one(self.0.execution_id).await.map_err(|error| shared(&error))?;
        row.map(Execution::of).ok_or_else(|| async_graphql::Error::new("the execution of an approval is missing"))
    }

    /// Step that asked.
    async fn step_path(&self) -> &str {
        &self.0.step_path
    }

    /// What is to be decided: the thing that it is about, or else the step that asks.
    async fn title(&self) -> String {
        title(&self.0)
    }

    /// Why it is asked.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn description(&self) -> Result<Option<String>> {
        Ok(self.request()?.reason)
    }

    /// What it is about.
    async fn subject(&self) -> Result<ApprovalSubject> {
        Ok(ApprovalSubject {
            entity: self.0.entity.clone(),
            entity_id: self.0.entity_id.clone(),
            shown: self.request()?.data,
        })
    }

    /// Where it stands. One whose time is over is open until its execution has noticed.
    async fn status(&self) -> ApprovalStatus {
        self.0.status.into()
    }

    /// Answers that are offered.
    async fn outcomes(&self) -> Vec<ApprovalOutcome> {
        vec![ApprovalOutcome::approve(), ApprovalOutcome::reject()]
    }

    /// On whose behalf: who started the execution, or the one that led to it.
    async fn requester(&self) -> Actor {
        Actor::from_id(&self.0.requester)
    }

    /// Names of the roles whose holders may decide.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.assignees(ctx).await?.0.clone())
    }

    /// People who may decide by name: ids or addresses.
    async fn users(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.assignees(ctx).await?.1.clone())
    }

    /// The role that may decide too since the escalation.
    async fn escalated_role(&self) -> Option<&str> {
        self.0.escalated_role.as_deref()
    }

    /// How many must agree.
    async fn policy(&self) -> ApprovalPolicy {
        ApprovalPolicy {
            mode: if self.0.quorum > 1 { ApprovalMode::Quorum } else { ApprovalMode::Any },
            required: self.0.quorum,
            rejection_ends: true,
            requester_may_decide: self.0.allow_self,
        }
    }

    /// Decisions so far, in order.
    async fn decisions(&self, ctx: &Context<'_>) -> Result<Vec<ApprovalDecision>> {
        let found = loader(ctx)?.load_one(DecisionsOf(self.0.id)).await.map_err(|error| shared(&error))?;
        found.unwrap_or_default().iter().map(ApprovalDecision::of).collect()
    }

    /// Who works on it.
    async fn claimed_by(&self) -> Option<Actor> {
        self.0.claimed_by.as_deref().map(Actor::from_id)
    }

    /// Hand-overs so far, in order.
    async fn delegations(&self, ctx: &Context<'_>) -> Result<Vec<ApprovalDelegation>> {
        let found = loader(ctx)?.load_one(DelegationsOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(found.iter().flatten().map(Into::into).collect())
    }

    /// Discussion, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<ApprovalComment>> {
        let found = loader(ctx)?.load_one(EventsOf(self.0.id)).await.map_err(|error| shared(&error))?;
        let comments = found.unwrap_or_default().iter().filter_map(ApprovalComment::of).collect();
        let arguments = PageArguments { first, after, last, before };
        of_list(ctx, comments, &format!("comments:{}", self.0.id), &arguments)
    }

    /// JSON Schema of the data to give with the decision.
    async fn form_schema(&self) -> Result<Option<Json>> {
        Ok(self.request()?.form.map(async_graphql::Json))
    }

    /// When it was opened.
    async fn requested_at(&self) -> DateTime {
        DateTime::from_ms(self.0.requested_at_ms)
    }

    /// When it should be decided.
    async fn due_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_ms)
    }

    /// Next reminder.
    async fn remind_at(&self) -> Option<DateTime> {
        self.0.remind_at_ms.map(DateTime::from_ms)
    }

    /// Next escalation.
    async fn escalate_at(&self) -> Option<DateTime> {
        self.0.escalate_at_ms.map(DateTime::from_ms)
    }

    /// When it closes by itself; null while that stands still in a pause of its execution.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_ms)
    }

    /// When it was closed.
    async fn decided_at(&self) -> Option<DateTime> {
        self.0.decided_at_ms.map(DateTime::from_ms)
    }

    /// True when the caller may decide.
    async fn viewer_can_decide(&self, ctx: &Context<'_>) -> Result<bool> {
        let standing = loader(ctx)?.load_one(StandingOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(standing.is_some_and(|standing| standing.is_ok()))
    }

    /// Why not.
    async fn viewer_cannot_decide_reason(&self, ctx: &Context<'_>) -> Result<Option<ErrorCode>> {
        let standing = loader(ctx)?.load_one(StandingOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(standing.and_then(Result::err).and_then(|hindrance| ErrorCode::of(hindrance.code())))
    }

    /// Everything that happened to it, oldest first.
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<ApprovalEvent>> {
        let found = loader(ctx)?.load_one(EventsOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(found.unwrap_or_default().iter().filter_map(ApprovalEvent::of).collect())
    }
}
