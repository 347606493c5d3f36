//! Mutations of executions beside starting, pausing and cancelling them.

use async_graphql::{Context, ID, InputObject, Object, Result};
use service::executions::{RerunRequest, SignalRequest, SignalTarget};
use service::{Code, Mistake, ServiceError, Services, executions};

use super::control::{ExecutionPayload, payload};
use super::deleted::DeletePayload;
use super::directives::authorized;
use super::errors::{or_null, user_errors};
use super::execution::Execution;
use super::filters::{WorkflowRef, parse_id};
use super::mutations::{ExecutionStartPayload, LabelInput};
use super::scalars::Json;
use super::viewer::Permission;
use super::viewer_of;

/// Changes of executions.
#[derive(Default)]
pub struct LifecycleMutation;

/// An execution to terminate.
#[derive(Debug, InputObject)]
pub struct ExecutionTerminateInput {
    /// Which.
    id: ID,
    /// Why.
    reason: String,
}

/// An execution to try again.
#[derive(Debug, InputObject)]
pub struct ExecutionRetryInput {
    /// Which.
    id: ID,
    /// True: pause before the step.
    #[graphql(default = false)]
    hold_before: bool,
    /// Why.
    reason: Option<String>,
}

/// An execution to repeat.
#[derive(Debug, InputObject)]
pub struct ExecutionRerunInput {
    /// Which.
    id: ID,
    /// Begin with this step, one of the top level; results before it are taken over.
    from_step: Option<String>,
    /// Other input.
    input: Option<Json>,
    /// Merged into its data before the step; needs `fromStep`.
    context: Option<Json>,
    /// Other version; that of the original when absent.
    version: Option<i32>,
    /// Why.
    reason: Option<String>,
    /// Same key within 24 hours, same execution.
    idempotency_key: Option<String>,
}

/// A scheduled resume to take back.
#[derive(Debug, InputObject)]
pub struct ExecutionResumeCancelInput {
    /// Execution.
    id: ID,
}

/// A signal: to `id`, or to the live execution of `workflow` with `key`.
#[derive(Debug, InputObject)]
pub struct ExecutionSignalInput {
    /// Execution.
    id: Option<ID>,
    /// Or workflow and key.
    workflow: Option<WorkflowRef>,
    /// Business key, with `workflow`.
    key: Option<String>,
    /// Name of the signal: that of the event that a step waits for.
    name: String,
    /// Data, an object; merged over the data of the execution when a step takes it.
    data: Option<Json>,
    /// Same key, taken once.
    idempotency_key: Option<String>,
}

/// Labels to change.
#[derive(InputObject)]
pub struct ExecutionLabelInput {
    /// Execution.
    id: ID,
    /// Labels to set.
    set: Option<Vec<LabelInput>>,
    /// Names of labels to remove.
    remove: Option<Vec<String>>,
}

/// An execution to remove.
#[derive(Debug, InputObject)]
pub struct ExecutionDeleteInput {
    /// Which.
    id: ID,
    /// Why.
    reason: String,
}

/// Changes of executions.
#[Object]
impl LifecycleMutation {
    /// Stops it at once, also when no worker answers. A worker that has it stops its calls; while that one does not
    /// answer, the execution is still shown as running.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_terminate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionTerminateInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, terminate(ctx, input).await)
    }

    /// Lets one that failed go on from where it failed: the same execution, with all that it had found out.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionRetryInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, retry(ctx, input).await)
    }

    /// Takes a scheduled resume back: it stays paused until somebody resumes it.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_resume_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionResumeCancelInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, resume_cancel(ctx, input).await)
    }

    /// Sends it a signal: a step that waits for an event of this name takes it, now or when it comes to it.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_signal(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionSignalInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, signal(ctx, input).await)
    }

    /// Sets and removes labels.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_label(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionLabelInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, label(ctx, input).await)
    }

    /// Removes an ended one with its history.
    #[graphql(directive = authorized::apply(Permission::ExecutionRepair))]
    async fn execution_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionDeleteInput,
    ) -> Option<DeletePayload> {
        or_null(ctx, delete(ctx, input).await)
    }

    /// Starts a new one from it, from the beginning or from a step.
    #[graphql(directive = authorized::apply(Permission::ExecutionStart))]
    async fn execution_rerun(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionRerunInput,
    ) -> Option<ExecutionStartPayload> {
        or_null(ctx, rerun(ctx, input).await)
    }
}

async fn terminate(ctx: &Context<'_>, input: ExecutionTerminateInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    payload(executions::terminate(services, viewer, parse_id(&input.id)?, Some(input.reason)).await)
}

async fn retry(ctx: &Context<'_>, input: ExecutionRetryInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    payload(executions::retry(services, viewer, parse_id(&input.id)?, input.hold_before, input.reason).await)
}

async fn resume_cancel(ctx: &Context<'_>, input: ExecutionResumeCancelInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    payload(executions::cancel_resume(services, viewer, parse_id(&input.id)?).await)
}

async fn signal(ctx: &Context<'_>, input: ExecutionSignalInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let target = match (input.id, input.workflow, input.key) {
        (Some(id), None, None) => SignalTarget::Execution(parse_id(&id)?),
        (None, Some(workflow), Some(key)) => SignalTarget::Key { workflow: workflow.parse()?, key },
        _neither_or_both => {
            let message = "name the execution either by `id`, or by `workflow` and `key`";
            let mistake = Mistake::new(Code::Invalid, "id", message);
            return payload(Err(ServiceError::mistake(mistake)));
        }
    };
    let request = SignalRequest {
        target,
        name: input.name,
        data: input.data.map(|data| data.0),
        idempotency_key: input.idempotency_key,
    };
    payload(executions::signal(services, viewer, request).await)
}

async fn label(ctx: &Context<'_>, input: ExecutionLabelInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let set = input.set.unwrap_or_default().into_iter().map(LabelInput::label).collect();
    let remove = input.remove.unwrap_or_default();
    payload(executions::label(services, viewer, parse_id(&input.id)?, set, remove).await)
}

async fn delete(ctx: &Context<'_>, input: ExecutionDeleteInput) -> Result<DeletePayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let outcome = executions::delete(services, viewer, parse_id(&input.id)?, Some(input.reason)).await;
    DeletePayload::of(input.id, outcome)
}

async fn rerun(ctx: &Context<'_>, input: ExecutionRerunInput) -> Result<ExecutionStartPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let request = RerunRequest {
        id: parse_id(&input.id)?,
        from_step: input.from_step,
        input: input.input.map(|input| input.0),
        context: input.context.map(|context| context.0),
        version: input.version,
        reason: input.reason,
        idempotency_key: input.idempotency_key,
    };
    let (started, row) = match user_errors(executions::rerun(services, viewer, request).await)? {
        Ok(started) => started,
        Err(user_errors) => return Ok(ExecutionStartPayload::refused(user_errors)),
    };
    let events_after = executions::beginning(services, viewer, started.execution);
    Ok(ExecutionStartPayload::of(row.map(Execution::of), events_after, started.is_new))
}
