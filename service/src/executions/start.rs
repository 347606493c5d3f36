//! Starts one execution: durable when this returns, pushed to the queue right after.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::ExecutionId;
use queue::Notice;
use serde_json::json;
use store::{ExecutionRow, NewExecution, Runnable, StartOutcome};

use super::prepare::{self, StartRequest};
use super::wait::{WaitFor, wait, wait_for_news};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};
use crate::wake;

/// An execution that was started, or found by its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The execution.
    pub execution: ExecutionId,
    /// False when it was found by its idempotency key.
    pub is_new: bool,
}

/// Starts an execution and waits for `what`, `limit` at most; returns it as it is then.
///
/// # Errors
/// `Forbidden`; mistakes of the caller, all at once; `Unavailable` when the database is away: then
/// nothing is half done, and the same request with its idempotency key may be sent again.
#[boxed]
pub async fn start(
    services: &Services,
    viewer: &Viewer,
    request: StartRequest,
    what: WaitFor,
    limit: Duration,
) -> Result<(Started, Option<ExecutionRow>), ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    let prepared = prepare::prepare(services, viewer, request).await?;
    let execution = prepared.execution;
    let push = Push::of(&execution);
    let admitted = services.admission().admit([execution.input.len()])?;
    let row = execution.clone().into_row();
    // Listening begins before anything can happen, so the first look at the database is saved.
    let news = (what != WaitFor::Nothing).then(|| services.live().execution(push.id));
    let outcome = services.store().start(execution).await?;
    store::crash::point("start.committed");
    drop(admitted);
    let started = settle(push.id, outcome)?;
    viewer.origin.trail.note(noted(&row, started));
    if !started.is_new {
        let row = wait(services, viewer, started.execution, what, limit).await?;
        return Ok((started, row));
    }
    announce(services, vec![push]);
    store::crash::point("start.announced");
    let row = match news {
        None => Some(row),
        Some(news) => wait_for_news(services, viewer, row, news, what, limit).await?,
    };
    Ok((started, row))
}

/// What the audit log tells of a start; the input is with the execution, for those who may see it.
fn noted(row: &ExecutionRow, started: Started) -> Change {
    let named = if started.is_new { "execution.started" } else { "execution.found" };
    Change::of("execution", started.execution, row.key.as_deref().unwrap_or_default()).named(named).after(json!({
        "workflowId": row.workflow_id,
        "versionNumber": row.version_number,
        "queue": row.queue,
        "priority": row.priority,
        "rerunOf": row.rerun_of,
    }))
}

/// Where an execution is pushed once it is durable.
pub(super) struct Push {
    pub(super) id: ExecutionId,
    organization: ids::OrganizationId,
    runnable: Runnable,
}

impl Push {
    pub(super) fn of(execution: &NewExecution) -> Self {
        let (id, organization) = (execution.id, execution.organization_id);
        Self {
            id,
            organization,
            runnable: Runnable { id, organization, queue: execution.queue.clone(), priority: execution.priority },
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
        StartOutcome::ParentEnded => {
            let message = "the execution that was to wait for it has ended";
            Err(ServiceError::mistake(Mistake::new(Code::WrongState, "parent", message)))
        }
    }
}

/// Pushes started executions and tells who listens. Only hints: the requeue reconciler pushes what
/// nobody claimed.
pub(super) fn announce(services: &Services, pushes: Vec<Push>) {
    let notices =
        pushes.iter().map(|push| Notice { organization: push.organization, execution: push.id, seq: 1, ended: false });
    services.notices().publish(notices.collect());
    wake::push(services, pushes.into_iter().map(|push| push.runnable));
}
