//! New executions that repeat another one, from its input or from one of its steps.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use engine::machine::taken_over;
use ids::ExecutionId;
use serde_json::Value;
use store::{ExecutionRow, NewExecution};

use super::control::check_reason;
use super::known::{Known, found};
use super::prepare::{Label, Repeat, StartRequest, Trigger, prepare};
use super::start::{Started, start};
use super::wait::WaitFor;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Forbidden, Permission, Viewer};

/// What to repeat, and what shall be different.
#[derive(Debug, Clone)]
pub struct RerunRequest {
    /// The execution to repeat.
    pub id: ExecutionId,
    /// The step to begin with: what was found out before it is taken over.
    pub from_step: Option<String>,
    /// Another input.
    pub input: Option<Value>,
    /// Merged over the data before the step; needs a step.
    pub context: Option<Value>,
    /// Another version.
    pub version: Option<i32>,
    /// Why.
    pub reason: Option<String>,
    /// Same key within 24 hours, same execution.
    pub idempotency_key: Option<String>,
}

/// Starts a new execution that repeats another one: the same workflow, version, input, key, labels and priority, as
/// far as the request says nothing else. It is linked with the one that it repeats.
///
/// # Errors
/// `Forbidden`, at a step without the right to repair; `NOT_FOUND`; mistakes as those of a start; `INVALID` for a step that the flow of the version has
/// not, or data without a step; the database away.
#[boxed]
pub async fn rerun(
    services: &Services,
    viewer: &Viewer,
    request: RerunRequest,
) -> Result<(Started, Option<ExecutionRow>), ServiceError> {
    may_rerun(viewer, request.from_step.is_some())?;
    check_reason(request.reason.as_deref())?;
    if request.context.as_ref().is_some_and(|data| !data.is_object()) {
        return Err(invalid("context", "the data must be an object: its keys are merged over the data"));
    }
    if request.context.is_some() && request.from_step.is_none() {
        return Err(invalid("context", "without `fromStep` it begins with its input alone: change `input` instead"));
    }
    let row = found(services, viewer, request.id).await?;
    let request = repeated(services, request, row).await?;
    start(services, viewer, request, WaitFor::Nothing, Duration::ZERO).await
}

/// Whether somebody may let executions be repeated, at a step or from their beginning.
pub(crate) fn may_rerun(viewer: &Viewer, at_step: bool) -> Result<(), Forbidden> {
    viewer.require(Permission::ExecutionStart)?;
    if at_step {
        // It passes over whatever stands before the step, a decision of people too.
        viewer.require(Permission::ExecutionRepair)?;
    }
    Ok(())
}

/// A new execution that repeats another one, checked and not yet started.
///
/// # Errors
/// As [`rerun`], but for the permissions.
pub(crate) async fn to_rerun(
    services: &Services,
    viewer: &Viewer,
    request: RerunRequest,
    row: ExecutionRow,
) -> Result<NewExecution, ServiceError> {
    let request = repeated(services, request, row).await?;
    Ok(prepare(services, viewer, request).await?.execution)
}

/// What is started to repeat an execution.
async fn repeated(services: &Services, request: RerunRequest, row: ExecutionRow) -> Result<StartRequest, ServiceError> {
    let read = |text: &str| {
        serde_json::from_str::<Value>(text)
            .map_err(|error| ServiceError::Internal { what: "a stored execution cannot be read", source: error.into() })
    };
    let (input, trigger) = (read(&row.input)?, read(&row.trigger)?);
    let labels = row.labels.iter().map(|label| Label { name: label.name.clone(), value: label.value.clone() });
    let mut start_request = StartRequest {
        workflow: WorkflowRef::Id(row.workflow_id),
        version: request.version.or(Some(row.version_number)),
        input: request.input.or(Some(input)),
        key: row.key.clone(),
        idempotency_key: request.idempotency_key,
        labels: labels.collect(),
        priority: Some(i32::from(row.priority)),
        trigger: Trigger::Manual { reason: None },
    };
    let mut repeat = Repeat { execution: row.id, trigger, reason: request.reason, from_step: None, taken_over: None };
    if let Some(step) = request.from_step {
        let known = Known::read(services, row).await?;
        let data = request.context.unwrap_or(Value::Null);
        let id = repeat.execution.to_string();
        repeat.taken_over = Some(taken_over(&known.journal, &id, &step, data, services.now()));
        repeat.from_step = Some(step);
    }
    start_request.trigger = Trigger::Rerun(Box::new(repeat));
    Ok(start_request)
}

fn invalid(field: &str, message: &str) -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::Invalid, field, message))
}
