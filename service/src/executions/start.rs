//! Starts one execution: durable when this returns, pushed to the queue right after.

use ids::ExecutionId;
use queue::Notice;
use store::{NewExecution, StartOutcome};
use tracing::warn;

use super::prepare::{self, StartRequest, queue_priority};
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// An execution that was started, or found by its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The execution.
    pub execution: ExecutionId,
    /// False when it was found by its idempotency key.
    pub is_new: bool,
}

/// Starts an execution.
///
/// # Errors
/// `Forbidden`; mistakes of the caller, all at once; `Unavailable` when the database is away: then
/// nothing is half done, and the same request with its idempotency key may be sent again.
pub async fn start(services: &Services, viewer: &Viewer, request: StartRequest) -> Result<Started, ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    let prepared = prepare::prepare(services, viewer, request).await?;
    let execution = prepared.execution;
    let push = Push::of(&execution);
    let outcome = services.store().start(execution).await?;
    let started = settle(push.id, outcome)?;
    if started.is_new {
        announce(services, vec![push]).await;
    }
    Ok(started)
}

/// Where an execution is pushed once it is durable.
pub(super) struct Push {
    pub(super) id: ExecutionId,
    organization: ids::OrganizationId,
    queue: String,
    priority: queue::Priority,
}

impl Push {
    pub(super) fn of(execution: &NewExecution) -> Self {
        Self {
            id: execution.id,
            organization: execution.organization_id,
            queue: execution.queue.clone(),
            priority: queue_priority(execution.priority),
        }
    }
}

/// What the database made of a start.
pub(super) fn settle(id: ExecutionId, outcome: StartOutcome) -> Result<Started, ServiceError> {
    match outcome {
        StartOutcome::New { .. } => Ok(Started { execution: id, is_new: true }),
        StartOutcome::Existing { execution_id, same_fingerprint: true } => {
            Ok(Started { execution: execution_id, is_new: false })
        }
        StartOutcome::Existing { execution_id, same_fingerprint: false } => {
            let message = format!(
                "this idempotency key was used within 24 hours for {execution_id}, with another workflow, input, key or labels"
            );
            Err(ServiceError::mistake(
                Mistake::new(Code::Duplicate, "idempotencyKey", message)
                    .with_help("Use a new key for a new request; repeat a request unchanged."),
            ))
        }
    }
}

/// Pushes started executions and tells who listens. Only hints: a failure is counted, and the
/// requeue reconciler pushes what nobody claimed.
pub(super) async fn announce(services: &Services, pushes: Vec<Push>) {
    let notices =
        pushes.iter().map(|push| Notice { organization: push.organization, execution: push.id, seq: 1, ended: false });
    services.notices().publish(notices.collect());
    let mut groups: std::collections::BTreeMap<(String, queue::Priority), Vec<ExecutionId>> =
        std::collections::BTreeMap::new();
    for push in pushes {
        groups.entry((push.queue, push.priority)).or_default().push(push.id);
    }
    for ((queue, priority), ids) in groups {
        if let Err(problem) = services.queue().push(&queue, priority, &ids) {
            metrics::counter!("sluice_queue_push_failures_total").increment(1);
            warn!(queue = %queue, count = ids.len(), error = %chain(&problem), "cannot push {} executions to queue `{queue}`, the requeue reconciler will", ids.len());
        }
    }
}
