//! Pausing, resuming and cancelling executions.

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};
use service::executions::{AskedEvent, PauseRequest, ResumeRequest};
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
    /// True: time limits of steps that wait, of approvals and of its whole life stand still meanwhile.
    #[graphql(default = true)]
    freeze_deadlines: bool,
    /// Go on by itself at this time, within 7 days. Of one that is paused already `executionResume` says it.
    resume_at: Option<DateTime>,
    /// Go on by itself when this event comes, within 7 days; at `resumeAt` at the latest, when both are given.
    resume_when: Option<ResumeWhenInput>,
}

/// The event at which a paused execution goes on by itself. It is not used up by that: a step that waits for it takes
/// it too. An event that came before does not count. `match` and `condition` compare it with the data of the execution,
/// so either needs `EXECUTION_DATA_READ` besides.
#[derive(Debug, InputObject)]
pub struct ResumeWhenInput {
    /// Its name, or a pattern such as `stock.*`.
    event: String,
    /// What it must be about: a list of paths at which it has the values that the execution has, such as
    /// `["order.id"]`, or an object of paths and values, such as `{ "order.id": 7 }`. When absent, the `id` of the
    /// thing that its name begins with, where both tell one, as for a step that waits.
    #[graphql(name = "match")]
    matching: Option<Json>,
    /// What must hold besides: a condition of the definition language over the data of the execution, in which `event`
    /// is the event's payload; or `{ "rule_id": … }` with a rule that the workflow uses.
    condition: Option<Json>,
}

impl From<ResumeWhenInput> for AskedEvent {
    fn from(input: ResumeWhenInput) -> Self {
        Self {
            event: input.event,
            matching: input.matching.map(|matching| matching.0),
            condition: input.condition.map(|condition| condition.0),
        }
    }
}

/// Which execution goes on, and how.
#[derive(Debug, InputObject)]
pub struct ExecutionResumeInput {
    /// Which.
    id: ID,
    /// Merged into its data.
    data: Option<Json>,
    /// When, within 7 days of the pause; now when neither this nor `when` is given.
    at: Option<DateTime>,
    /// When this event comes, within 7 days of the pause; at `at` at the latest, when both are given.
    when: Option<ResumeWhenInput>,
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
    let request = PauseRequest {
        id: parse_id(&input.id)?,
        reason: Some(input.reason),
        freezes: input.freeze_deadlines,
        resume_at: input.resume_at.map(|at| at.0),
        resume_when: input.resume_when.map(AskedEvent::from),
    };
    payload(executions::pause(services, viewer, request).await)
}

pub(super) async fn resume(ctx: &Context<'_>, input: ExecutionResumeInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let request = ResumeRequest {
        id: parse_id(&input.id)?,
        data: input.data.map(|data| data.0),
        at: input.at.map(|at| at.0),
        when: input.when.map(AskedEvent::from),
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
