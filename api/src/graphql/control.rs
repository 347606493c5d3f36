//! Pausing, resuming and cancelling executions.

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};
use service::executions::ResumeRequest;
use service::{ServiceError, Services, executions};
use store::ExecutionRow;

use super::errors::{UserError, user_errors};
use super::execution::Execution;
use super::filters::parse_id;
use super::scalars::{DateTime, Json};
use super::viewer_of;

/// Which execution to cancel, and why.
#[derive(Debug, InputObject)]
pub struct ExecutionCancelInput {
    /// Which.
    id: ID,
    /// Why.
    reason: String,
}

/// Which execution to pause, and why.
#[derive(Debug, InputObject)]
pub struct ExecutionPauseInput {
    /// Which.
    id: ID,
    /// Why.
    reason: String,
    /// Go on by itself at this time, within 7 days.
    resume_at: Option<DateTime>,
}

/// Which execution goes on, and how.
#[derive(Debug, InputObject)]
pub struct ExecutionResumeInput {
    /// Which.
    id: ID,
    /// Merged into its data.
    data: Option<Json>,
    /// When, within 7 days of the pause; now when absent.
    at: Option<DateTime>,
    /// Go on with this step instead of the next one.
    from_step: Option<String>,
    /// Why.
    reason: Option<String>,
}

/// What became of it.
#[derive(Debug, SimpleObject)]
pub struct ExecutionPayload {
    /// The execution; null when nothing was changed. A step under way may still come to its end: then it
    /// is not paused yet.
    execution: Option<Execution>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

pub(super) async fn cancel(ctx: &Context<'_>, input: ExecutionCancelInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    payload(executions::cancel(services, viewer, parse_id(&input.id)?, Some(input.reason)).await)
}

pub(super) async fn pause(ctx: &Context<'_>, input: ExecutionPauseInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let resume_at = input.resume_at.map(|at| at.0);
    payload(executions::pause(services, viewer, parse_id(&input.id)?, Some(input.reason), resume_at).await)
}

pub(super) async fn resume(ctx: &Context<'_>, input: ExecutionResumeInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let request = ResumeRequest {
        id: parse_id(&input.id)?,
        data: input.data.map(|data| data.0),
        at: input.at.map(|at| at.0),
        from_step: input.from_step,
        reason: input.reason,
    };
    payload(executions::resume(services, viewer, request).await)
}

pub(super) fn payload(outcome: Result<ExecutionRow, ServiceError>) -> Result<ExecutionPayload> {
    Ok(match user_errors(outcome)? {
        Ok(row) => ExecutionPayload { execution: Some(Execution::of(row)), user_errors: Vec::new() },
        Err(user_errors) => ExecutionPayload { execution: None, user_errors },
    })
}
