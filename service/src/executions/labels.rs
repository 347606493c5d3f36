//! Labels of executions, and executions that are removed.

use async_recursion::async_recursion as boxed;
use ids::ExecutionId;
use queue::Notice;
use serde_json::{Value, json};
use store::{ExecutionRow, LabelsOutcome};

use super::control::{check_reason, note};
use super::known::found;
use super::prepare::{Label, MAX_LABELS, check_labels};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Sets and removes labels.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; mistakes of the caller; `TOO_LARGE` when there would be too many; the database away.
#[boxed]
pub async fn label(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    set: Vec<Label>,
    remove: Vec<String>,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    let mistakes = check_labels(&set, "set");
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let row = found(services, viewer, id).await?;
    let set: Vec<store::Label> =
        set.into_iter().map(|label| store::Label { name: label.name, value: label.value }).collect();
    let named: Vec<&str> = set.iter().map(|label| &*label.name).collect();
    note(viewer, &row, "execution.labelled", None, json!({ "set": named, "removed": remove }));
    let outcome = services.store().change_labels(viewer.organization, id, &set, &remove, MAX_LABELS).await?;
    match outcome {
        LabelsOutcome::Changed(labels) => {
            services.notices().publish(vec![Notice::of(viewer.organization)]);
            Ok(ExecutionRow { labels, ..row })
        }
        LabelsOutcome::TooMany => {
            let message = format!("an execution has at most {MAX_LABELS} labels");
            Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "set", message)))
        }
        LabelsOutcome::NotFound => found(services, viewer, id).await,
    }
}

/// Removes an execution that has ended, with its history. Its idempotency key can be used again.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has not ended; the database away.
#[boxed]
pub async fn delete(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<String>,
) -> Result<(), ServiceError> {
    viewer.require(Permission::ExecutionRepair)?;
    check_reason(reason.as_deref())?;
    let row = found(services, viewer, id).await?;
    note(viewer, &row, "execution.deleted", reason, Value::Null);
    if row.status.is_ended() && services.store().delete_execution(viewer.organization, id).await? {
        services.notices().publish(vec![Notice::of(viewer.organization)]);
        return Ok(());
    }
    let message = format!("execution {id} has not ended, so it cannot be deleted");
    let mistake = Mistake::new(Code::WrongState, "id", message);
    Err(ServiceError::mistake(mistake.with_help("End it with `executionCancel` or `executionTerminate`.")))
}
