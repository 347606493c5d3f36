//! How long finished executions are kept.

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};
use service::{Services, retention};
use store::Retention;

use super::errors::{UserError, user_errors};
use super::filters::parse_id;
use super::scalars::Duration;
use super::viewer::Organization;
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
    /// How long executions are kept.
    retention: RetentionPolicyInput,
}

/// What to change about the caller's organization.
#[derive(Debug, InputObject)]
pub struct OrganizationUpdateInput {
    /// How long executions are kept whose workflow says nothing.
    default_retention: RetentionPolicyInput,
}

/// Answer of an Organization mutation.
#[derive(Debug, SimpleObject)]
pub struct OrganizationPayload {
    /// The organization.
    organization: Option<Organization>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

pub(super) async fn update_workflow(ctx: &Context<'_>, input: WorkflowUpdateInput) -> Result<WorkflowPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    let outcome = retention::set_for_workflow(services, viewer, id, input.retention.into()).await;
    Ok(match user_errors(outcome)? {
        Ok(row) => WorkflowPayload { workflow: Some(Workflow(row)), user_errors: Vec::new() },
        Err(user_errors) => WorkflowPayload { workflow: None, user_errors },
    })
}

pub(super) async fn update_organization(
    ctx: &Context<'_>,
    input: OrganizationUpdateInput,
) -> Result<OrganizationPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let outcome = retention::set_for_organization(services, viewer, input.default_retention.into()).await;
    Ok(match user_errors(outcome)? {
        Ok(row) => OrganizationPayload { organization: Some(row.into()), user_errors: Vec::new() },
        Err(user_errors) => OrganizationPayload { organization: None, user_errors },
    })
}
