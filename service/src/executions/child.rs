//! Starts an execution on behalf of another one.

use async_recursion::async_recursion as boxed;
use ids::{ExecutionId, OrganizationId};
use serde_json::Value;

use super::prepare::{StartRequest, Trigger};
use super::start::start;
use super::wait::WaitFor;
use crate::bounded_key;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::Viewer;

/// Executions that start each other, one below the other (reliability.md X02).
const MAX_DEPTH: i16 = 32;

/// What an execution asks to start.
#[derive(Debug, Clone)]
pub struct ChildRequest {
    /// Its organization.
    pub organization: OrganizationId,
    /// The execution that asks.
    pub parent: ExecutionId,
    /// How many executions in a row led to that one.
    pub parent_depth: i16,
    /// Path of the step that asks.
    pub step: String,
    /// Slug of the workflow.
    pub workflow: String,
    /// Number of its version; the published one when absent.
    pub version: Option<i32>,
    /// What it is started with.
    pub input: Value,
    /// Whether the asking execution waits for its end.
    pub waits: bool,
    /// The same for every try: a second one finds the child of the first.
    pub key: String,
}

/// Starts the child, or finds the one that was started with the same key.
///
/// # Errors
/// Mistakes of the definition's author, such as an unknown workflow, an input that does not fit, or a nesting
/// without end; the database away.
#[boxed]
pub async fn start_child(services: &Services, request: ChildRequest) -> Result<ExecutionId, ServiceError> {
    if request.parent_depth >= MAX_DEPTH {
        let message = format!("{MAX_DEPTH} executions have started each other already");
        let mistake = Mistake::new(Code::DepthLimit, "workflow", message);
        return Err(ServiceError::mistake(mistake.with_help("Let a workflow that starts itself come to an end.")));
    }
    let viewer = Viewer::system(request.organization);
    let request = StartRequest {
        workflow: WorkflowRef::Slug(request.workflow),
        version: request.version,
        input: Some(request.input),
        key: None,
        idempotency_key: Some(bounded_key(&request.key)),
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Workflow {
            execution: request.parent,
            depth: request.parent_depth + 1,
            step: request.step,
            waits: request.waits,
        },
    };
    let (started, _row) = start(services, &viewer, request, WaitFor::Nothing, std::time::Duration::ZERO).await?;
    Ok(started.execution)
}
