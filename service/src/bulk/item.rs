//! One execution of many: what becomes of it.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ids::{ExecutionId, WorkflowId};
use store::{BulkFailureRow, BulkKind, BulkOperationRow, ExecutionRow, NewExecution, NewSignal, Relocation, Ruling};

use super::kinds;
use super::start::Arguments;
use crate::code::Code;
use crate::error::{ServiceError, chain};
use crate::executions::asked::{to_cancel, to_pause, to_resume, to_retry};
use crate::executions::{Ending, OVERTAKEN, RerunRequest, Target, target_of_move, to_end, to_move, to_rerun};
use crate::services::Services;
use crate::signals::Told;
use crate::viewer::Viewer;

/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 1_000;

/// What becomes of an execution.
pub enum Verdict {
    /// It is told something.
    Tell(NewSignal),
    /// It is decided over it.
    Rule(Box<Ruling>),
    /// It is told to end, and ended where no worker has it.
    End(NewSignal, Option<Box<Ending>>),
    /// It goes on with another version; or this is kept, when it went on at the same moment.
    Move(Box<Relocation>, BulkFailureRow),
    /// A new one repeats it.
    Start(Box<NewExecution>),
    /// It is removed.
    Delete(ExecutionId),
    /// There is nothing to do.
    Nothing,
    /// It is not possible.
    Fail(BulkFailureRow),
}

/// Decides over the executions of one part, as the use cases of one execution do.
pub struct Deciding<'a> {
    pub services: &'a Services,
    pub viewer: &'a Viewer,
    pub operation: &'a BulkOperationRow,
    pub arguments: &'a Arguments,
    /// The versions that executions are moved to, by their workflows.
    targets: HashMap<WorkflowId, Target>,
}

impl<'a> Deciding<'a> {
    pub fn new(
        services: &'a Services,
        viewer: &'a Viewer,
        operation: &'a BulkOperationRow,
        arguments: &'a Arguments,
    ) -> Self {
        Self { services, viewer, operation, arguments, targets: HashMap::new() }
    }

    /// Decides over one execution.
    ///
    /// # Errors
    /// Only what may succeed later: the database away.
    #[boxed]
    pub async fn decide(&mut self, row: ExecutionRow) -> Result<Verdict, ServiceError> {
        let id = row.id;
        if !kinds::states(self.operation.kind).contains(&row.status) {
            return Ok(Verdict::Nothing);
        }
        match self.wanted(row).await {
            Ok(verdict) => Ok(verdict),
            Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => Err(problem),
            Err(problem) => Ok(Verdict::Fail(self.failure(id, &problem))),
        }
    }

    async fn wanted(&mut self, row: ExecutionRow) -> Result<Verdict, ServiceError> {
        let (services, viewer) = (self.services, self.viewer);
        let (id, reason) = (row.id, self.operation.reason.clone());
        let told = match self.operation.kind {
            BulkKind::Cancel => to_cancel(viewer, &row, Some(&reason))?,
            BulkKind::Pause => to_pause(viewer, &row, Some(&reason), true)?,
            BulkKind::Resume => Some(to_resume(viewer, &row, self.arguments.data.clone(), None)?),
            BulkKind::Retry => {
                let retrying = to_retry(services, viewer, row, false, Some(reason)).await?;
                return Ok(Verdict::Rule(Box::new(retrying.ruling)));
            }
            BulkKind::Terminate => {
                let by = Some(viewer.actor.id.clone());
                let told = Told::Cancel { by: by.clone(), reason: Some(reason.clone()) };
                let ending = to_end(services, row, by, Some(reason)).await?;
                return Ok(Verdict::End(told.row(viewer.organization, id), ending.map(Box::new)));
            }
            BulkKind::Migrate => return self.moved(row, &reason).await,
            BulkKind::Rerun => {
                let new = to_rerun(services, viewer, self.repetition(id, reason), row).await?;
                return Ok(Verdict::Start(Box::new(new)));
            }
            BulkKind::Delete => return Ok(Verdict::Delete(id)),
            // It begins with items, which are no executions yet.
            BulkKind::Start => return Ok(Verdict::Nothing),
        };
        Ok(told.map_or(Verdict::Nothing, |told| Verdict::Tell(told.row(viewer.organization, id))))
    }

    async fn moved(&mut self, row: ExecutionRow, reason: &str) -> Result<Verdict, ServiceError> {
        let (services, viewer, id, workflow) = (self.services, self.viewer, row.id, row.workflow_id);
        let number = self.arguments.to_version.unwrap_or_default();
        let target = match self.targets.entry(workflow) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(target_of_move(services, viewer, workflow, number).await?),
        };
        let moved = to_move(services, viewer, row, target, reason).await?;
        Ok(moved.map_or(Verdict::Nothing, |relocation| {
            let message = format!("execution {id} cannot move: {OVERTAKEN}");
            Verdict::Move(Box::new(relocation), self.kept(id, Code::WrongState, &message))
        }))
    }

    /// The same execution is repeated once by the same operation, whatever dies when.
    fn repetition(&self, id: ExecutionId, reason: String) -> RerunRequest {
        RerunRequest {
            id,
            from_step: self.arguments.from_step.clone(),
            input: None,
            context: None,
            version: None,
            reason: Some(reason),
            idempotency_key: Some(format!("bulk/{}/{id}", self.operation.id)),
        }
    }

    /// What is kept of an execution with which it was not possible.
    pub fn failure(&self, id: ExecutionId, problem: &ServiceError) -> BulkFailureRow {
        if let ServiceError::Mistakes(mistakes) = problem {
            let messages = mistakes.iter().map(|mistake| mistake.message.as_str()).collect::<Vec<_>>();
            return self.kept(id, problem.code(), &messages.join("; "));
        }
        let operation = self.operation.id;
        tracing::warn!(%operation, error = %chain(problem), "an execution of bulk operation {operation} cannot be changed");
        self.kept(id, Code::WrongState, "internal error; the log of the worker has the cause")
    }

    fn kept(&self, id: ExecutionId, code: Code, message: &str) -> BulkFailureRow {
        BulkFailureRow {
            organization_id: self.operation.organization_id,
            operation_id: self.operation.id,
            execution_id: id,
            item: None,
            code: code.as_str().to_owned(),
            // What was named in it may hold what no database keeps.
            message: message.chars().filter(|letter| *letter != '\0').take(MAX_MESSAGE).collect(),
            at_ms: self.services.now().0,
        }
    }
}
