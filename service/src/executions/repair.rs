//! Executions that are put right by hand: a step is left out, the data are changed.

use async_recursion::async_recursion as boxed;
use engine::machine::{self, Command};
use ids::ExecutionId;
use serde_json::{Value, json};
use store::ExecutionRow;

use super::control::{check_reason, has_ended, note, told};
use super::known::{Known, found};
use super::wait::WaitFor;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::signals::Told;
use crate::viewer::{Permission, Viewer};

/// Changes in one edit at most.
const MAX_CHANGES: usize = 100;

/// One change of the data: `add` or `replace` of RFC 6902.
#[derive(Debug, Clone)]
pub struct DataChange {
    /// `add` or `replace`.
    pub op: String,
    /// JSON Pointer.
    pub path: String,
    /// What shall stand there.
    pub value: Option<Value>,
}

/// Lets an execution go on without waiting for the step at `path`, with `output` for what it would have found out.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has ended, does not stand at the step, or a call is under way;
/// the database away.
#[boxed]
pub async fn skip_step(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    path: String,
    output: Option<Value>,
    reason: String,
) -> Result<ExecutionRow, ServiceError> {
    let by = Some(viewer.actor.id.clone());
    let output = output.unwrap_or(Value::Null);
    check_size(services, "output", &output)?;
    let after = json!({ "step": path });
    let wanted = Told::SkipStep { by, reason: Some(reason.clone()), path, output };
    repair(services, viewer, id, reason, wanted, ("execution.step_skip_asked", after)).await
}

/// Changes the data of an execution, all of it or nothing.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; mistakes of the caller; `WRONG_STATE` when it has ended, or a call is under way; the
/// database away.
#[boxed]
pub async fn edit_context(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    changes: Vec<DataChange>,
    reason: String,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionRepair)?;
    let values = values(services, changes)?;
    // Which, and not their values: those are in the execution, for those who may see them.
    let after = json!({ "paths": values.iter().map(|(path, _)| path).collect::<Vec<_>>() });
    let wanted = Told::EditContext { by: Some(viewer.actor.id.clone()), reason: Some(reason.clone()), values };
    repair(services, viewer, id, reason, wanted, ("execution.context_edit_asked", after)).await
}

/// Looks first whether it can be done, so that whoever asks is told; then tells the execution.
async fn repair(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: String,
    wanted: Told,
    noted: (&'static str, Value),
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionRepair)?;
    check_reason(Some(&reason))?;
    let row = found(services, viewer, id).await?;
    if row.status.is_ended() {
        return Err(has_ended(&row, "put right"));
    }
    note(viewer, &row, noted.0, Some(reason), noted.1);
    let known = Known::read(services, row).await?;
    let command: Command = wanted.clone().into_command();
    if let Err(problem) = machine::decide(&known.version.plan, &known.origin, &known.state, command, services.now()) {
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", format!("execution {id}: {problem}"))));
    }
    told(services, viewer, known.row, wanted, WaitFor::Nothing).await
}

fn check_size(services: &Services, field: &str, value: &Value) -> Result<(), ServiceError> {
    let (bytes, limit) = (value.to_string().len(), services.settings().max_payload_bytes);
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("`{field}` has {bytes} bytes, the limit is {limit}");
    Err(ServiceError::mistake(Mistake::new(Code::TooLarge, field, message)))
}

/// The changes as dotted paths with values.
fn values(services: &Services, changes: Vec<DataChange>) -> Result<Vec<(String, Value)>, ServiceError> {
    let mut mistakes = Vec::new();
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        let message = format!("a patch has 1 to {MAX_CHANGES} operations");
        mistakes.push(Mistake::new(Code::Invalid, "patch", message));
    }
    let mut values = Vec::with_capacity(changes.len());
    for (index, change) in changes.into_iter().enumerate() {
        let mut wrong = |field: &str, message: &str| {
            mistakes.push(Mistake::new(Code::Invalid, &format!("patch.{index}.{field}"), message));
        };
        if !matches!(change.op.as_str(), "add" | "replace") {
            wrong("op", "the operations are `add` and `replace`; replace a value by null instead of removing it");
        }
        let Some(value) = change.value else {
            wrong("value", "a value is needed; null is one");
            continue;
        };
        match dotted(&change.path) {
            Some(path) => values.push((path, value)),
            None => wrong(
                "path",
                "a JSON Pointer to a value of the data is needed, such as `/order/total`; names have no dots",
            ),
        }
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    check_size(services, "patch", &json!(values))?;
    Ok(values)
}

/// A JSON Pointer as the dotted path that templates write.
fn dotted(pointer: &str) -> Option<String> {
    let names: Vec<String> =
        pointer.strip_prefix('/')?.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    let is_name = |name: &String| !name.is_empty() && !name.contains(['.', '[', ']', '\0']);
    (names.iter().all(is_name) && pointer.len() <= 1_000).then(|| names.join("."))
}

#[cfg(test)]
mod tests {
    use super::dotted;

    #[test]
    fn a_json_pointer_becomes_a_dotted_path() {
        assert_eq!(dotted("/order/total").as_deref(), Some("order.total"));
        assert_eq!(dotted("/a~1b").as_deref(), Some("a/b"));
        for bad in ["", "order", "/", "/a.b", "/a//b", "/a[0]"] {
            assert_eq!(dotted(bad), None, "{bad}");
        }
    }
}
