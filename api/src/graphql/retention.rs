//! How long finished executions are kept.

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};
use service::{Services, retention, workflows};
use store::Retention;

use super::errors::user_errors;
use super::filters::parse_id;
use super::scalars::Duration;
use super::viewer_of;
use super::workflow::{Workflow, WorkflowPayload};

/// How long finished executions are kept.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct RetentionPolicy {
    /// Completed ones; for ever when null.
    completed: Option<Duration>,
    /// Failed ones; for ever when null.
    failed: Option<Duration>,
    /// Cancelled ones; for ever when null.
    cancelled: Option<Duration>,
}

impl From<Retention> for RetentionPolicy {
    fn from(kept: Retention) -> Self {
        let length = |millis: Option<i64>| millis.map(|millis| Duration::between_ms(0, millis));
        Self {
            completed: length(kept.completed_ms),
            failed: length(kept.failed_ms),
            cancelled: length(kept.cancelled_ms),
        }
    }
}

/// How long finished executions are kept.
#[derive(Debug, InputObject)]
pub struct RetentionPolicyInput {
    /// Completed ones; for ever when null.
    completed: Option<Duration>,
    /// Failed ones; for ever when null.
    failed: Option<Duration>,
    /// Cancelled ones; for ever when null.
    cancelled: Option<Duration>,
}

impl From<RetentionPolicyInput> for Retention {
    fn from(input: RetentionPolicyInput) -> Self {
        let millis =
            |length: Option<Duration>| length.map(|length| i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX));
        Self {
            completed_ms: millis(input.completed),
            failed_ms: millis(input.failed),
            cancelled_ms: millis(input.cancelled),
        }
    }
}

/// What to change about a workflow.
#[derive(Debug, InputObject)]
pub struct WorkflowUpdateInput {
    /// Which.
    id: ID,
    /// Folder, such as `sales/emea`; empty for none.
    namespace: Option<String>,
    /// How long executions are kept.
    retention: Option<RetentionPolicyInput>,
}

pub(super) async fn update_workflow(ctx: &Context<'_>, input: WorkflowUpdateInput) -> Result<WorkflowPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    let outcome = async {
        if let Some(kept) = input.retention {
            retention::set_for_workflow(services, viewer, id, kept.into()).await?;
        }
        workflows::move_to(services, viewer, id, input.namespace.as_deref()).await
    };
    Ok(match user_errors(outcome.await)? {
        Ok(row) => WorkflowPayload { workflow: Some(Workflow(row)), user_errors: Vec::new() },
        Err(user_errors) => WorkflowPayload { workflow: None, user_errors },
    })
}
