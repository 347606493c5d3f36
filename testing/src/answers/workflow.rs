//! Executions of other workflows.

use engine::machine::{EffectOutcome, Signal, StepError};
use serde_json::{Value, json};

use super::Asked;
use crate::seen::SeenStart;
use crate::stubs::{StubbedEnd, WorkflowStub};

/// That one was started, and its end if it is waited for.
pub(super) fn answer(
    stubs: &[WorkflowStub],
    asked: &mut Asked,
    workflow: &str,
    execution: &str,
    waits: bool,
) -> (EffectOutcome, Option<Signal>) {
    let end = asked.next(stubs, |stub| stub.workflow_id == workflow, |stub| stub.responses.as_slice());
    if waits && end.is_none() {
        let error = StepError::other("NO_STUB", format!("workflow {workflow} has no stub"));
        return (EffectOutcome::Failed(error), None);
    }
    let then = end.filter(|_| waits).map(|end| ended(end, execution));
    (EffectOutcome::Succeeded { output: json!({ "execution_id": execution }) }, then)
}

fn ended(end: &StubbedEnd, execution: &str) -> Signal {
    let output = json!({
        "execution_id": execution, "status": end.status, "result": end.result, "decision": null, "context": end.context,
    });
    let error = match end.status.as_str() {
        "completed" => None,
        "cancelled" => Some(StepError::other("CANCELLED", "it was cancelled")),
        _failed => Some(StepError::other("FAILED", "it failed")),
    };
    Signal::ChildEnded { execution: execution.to_owned(), output, error }
}

/// One that was started, as it can be expected.
pub(super) fn seen(workflow_id: &str, input: &Value) -> SeenStart {
    SeenStart { workflow_id: workflow_id.to_owned(), input: input.clone() }
}
