//! Executions that failed and go on from where they failed.

use async_recursion::async_recursion as boxed;
use ids::{ExecutionId, OrganizationId};
use queue::Notice;
use serde_json::json;
use store::{ExecutionRow, RulingWritten};

use super::asked::to_retry;
use super::control::{check_reason, note};
use super::known::found;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};
use crate::wake;

/// Lets an execution that failed go on at the step of the flow at which it failed, with all that it had found out:
/// the same execution, with its history. With `hold` it is paused before.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has not failed, its deadline is over, or somebody else retried
/// it at the same time; the database away.
#[boxed]
pub async fn retry(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    hold: bool,
    reason: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    check_reason(reason.as_deref())?;
    let row = found(services, viewer, id).await?;
    let retrying = to_retry(services, viewer, row, hold, reason.clone()).await?;
    let after = json!({ "fromStep": retrying.from_step, "holdBefore": hold });
    note(viewer, &retrying.row, "execution.retried", reason, after);
    let Some(written) = services.store().rule(&retrying.ruling).await? else {
        let message = format!("execution {id} was changed at the same moment, perhaps by somebody who retried it too");
        let mistake = Mistake::new(Code::WrongState, "id", message);
        return Err(ServiceError::mistake(mistake.with_help("Look at its status.")));
    };
    announce(services, viewer.organization, vec![written]);
    found(services, viewer, id).await
}

/// Tells those who follow executions that they go on, and pushes them to their queues.
pub(crate) fn announce(services: &Services, organization: OrganizationId, written: Vec<RulingWritten>) {
    metrics::counter!("sluice_executions_retried_total").increment(written.len() as u64);
    let notices = written.iter().map(|written| Notice {
        organization,
        execution: written.runnable.id,
        seq: written.seq,
        ended: false,
    });
    services.notices().publish(notices.collect());
    wake::push(services, written.into_iter().map(|written| written.runnable));
}
