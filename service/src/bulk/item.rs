//! One execution of many: what becomes of it.

use store::{BulkFailureRow, BulkKind, BulkOperationRow, ExecutionRow, ExecutionStatus, NewSignal, Ruling};

use super::start::Arguments;
use crate::code::Code;
use crate::error::{ServiceError, chain};
use crate::executions::asked::{to_cancel, to_pause, to_resume, to_retry};
use crate::services::Services;
use crate::viewer::Viewer;

/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 1_000;

/// What becomes of an execution.
pub enum Verdict {
    /// It is told something.
    Tell(NewSignal),
    /// It is decided over it.
    Rule(Box<Ruling>),
    /// There is nothing to do.
    Nothing,
    /// It is not possible.
    Fail(BulkFailureRow),
}

/// Decides over one execution, as the use cases of one execution do.
///
/// # Errors
/// Only what may succeed later: the database away.
pub async fn decide(
    services: &Services,
    viewer: &Viewer,
    operation: &BulkOperationRow,
    arguments: &Arguments,
    row: ExecutionRow,
) -> Result<Verdict, ServiceError> {
    let (id, reason) = (row.id, operation.reason.as_str());
    let is_there_something = match operation.kind {
        BulkKind::Cancel | BulkKind::Pause => !row.status.is_ended(),
        BulkKind::Resume => row.status == ExecutionStatus::Paused,
        BulkKind::Retry => row.status == ExecutionStatus::Failed,
    };
    if !is_there_something {
        return Ok(Verdict::Nothing);
    }
    let told = match operation.kind {
        BulkKind::Cancel => to_cancel(viewer, &row, Some(reason)),
        BulkKind::Pause => to_pause(viewer, &row, Some(reason)),
        BulkKind::Resume => to_resume(viewer, &row, arguments.data.clone(), None).map(Some),
        BulkKind::Retry => match to_retry(services, viewer, row, false, Some(reason.to_owned())).await {
            Ok(retrying) => return Ok(Verdict::Rule(Box::new(retrying.ruling))),
            Err(problem) => Err(problem),
        },
    };
    match told {
        Ok(Some(told)) => Ok(Verdict::Tell(told.row(viewer.organization, id))),
        Ok(None) => Ok(Verdict::Nothing),
        Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => Err(problem),
        Err(problem) => {
            let (code, message) = described(operation, &problem);
            Ok(Verdict::Fail(BulkFailureRow {
                organization_id: operation.organization_id,
                operation_id: operation.id,
                execution_id: id,
                code: code.as_str().to_owned(),
                message: message.chars().take(MAX_MESSAGE).collect(),
                at_ms: services.now().0,
            }))
        }
    }
}

fn described(operation: &BulkOperationRow, problem: &ServiceError) -> (Code, String) {
    if let ServiceError::Mistakes(mistakes) = problem {
        let messages = mistakes.iter().map(|mistake| mistake.message.as_str()).collect::<Vec<_>>();
        return (problem.code(), messages.join("; "));
    }
    tracing::warn!(operation = %operation.id, error = %chain(problem), "an execution of bulk operation {} cannot be changed", operation.id);
    (Code::WrongState, "internal error; the log of the worker has the cause".to_owned())
}
