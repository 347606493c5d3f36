//! Executions that failed and go on from where they failed.

use engine::machine::{self, Command, Refused};
use ids::ExecutionId;
use queue::Notice;
use serde_json::json;
use store::{ExecutionRow, ExecutionStatus, Ruled, Ruling};

use super::control::{check_reason, note};
use super::known::{Known, found};
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
    if row.status != ExecutionStatus::Failed {
        return Err(refused(id, &Refused::NotFailed));
    }
    let known = Known::read(services, row).await?;
    let now = services.now();
    let command = Command::Retry { by: Some(viewer.actor.id.clone()), reason: reason.clone(), hold };
    let decided = machine::decide(&known.version.plan, &known.origin, &known.state, command, now)
        .map_err(|problem| refused(id, &problem))?;
    let after = json!({ "fromStep": known.state.failed_step(), "holdBefore": hold });
    note(viewer, &known.row, "execution.retried", reason, after);
    let ruling = Ruling {
        organization_id: viewer.organization,
        execution_id: id,
        seq: known.seq,
        events: serde_json::to_string(&decided.events).expect("events are plain data"),
        at_ms: now.0,
        what: Ruled::Retried,
        sends: Vec::new(),
    };
    let Some(written) = services.store().rule(&ruling).await? else {
        let message = format!("execution {id} was changed at the same moment, perhaps by somebody who retried it too");
        let mistake = Mistake::new(Code::WrongState, "id", message);
        return Err(ServiceError::mistake(mistake.with_help("Look at its status.")));
    };
    metrics::counter!("sluice_executions_retried_total").increment(1);
    let notice = Notice { organization: viewer.organization, execution: id, seq: written.seq, ended: false };
    services.notices().publish(vec![notice]);
    wake::push(services, [written.runnable]);
    found(services, viewer, id).await
}

fn refused(id: ExecutionId, problem: &Refused) -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "id", format!("execution {id} cannot be retried: {problem}"));
    ServiceError::mistake(mistake.with_help("Start a new one from its input with `executionRerun`."))
}
