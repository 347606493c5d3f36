//! Writes what was decided: one commit, fenced by the epoch, told to whoever listens.

use std::sync::Arc;

use engine::machine::{Event, StepError};
use queue::Notice;
use store::{Checkpoint, Claimed, CommitOutcome, Ended, ExecutionResult, ExecutionStatus, Patch, Runnable, WaitRow};

use super::DriveError;
use super::execution::{Execution, LoadError};
use crate::context::Context;
use crate::wake;

/// Fails an execution that cannot be read, so that it does not go round from worker to worker.
pub(super) async fn give_up_unread(
    context: &Arc<Context>,
    claimed: &Claimed,
    problem: &LoadError,
) -> Result<(), DriveError> {
    let message = format!("the execution cannot be read: {}", service::chain(problem));
    let error = StepError::other("QUARANTINED", message);
    let at = context.now();
    let events = vec![Event::Failed { error: error.clone(), step: None, at }];
    let checkpoint = Checkpoint {
        organization_id: claimed.organization_id,
        execution_id: claimed.id,
        worker_id: context.worker,
        epoch: claimed.epoch,
        seq: claimed.seq,
        events: serde_json::to_string(&events).map_err(DriveError::Write)?,
        decision: None,
        at_ms: at.0,
        patch: Patch::Ended(Ended {
            status: ExecutionStatus::Failed,
            result: Some(ExecutionResult::Failed),
            error_code: Some(error.code),
            error_message: Some(error.message),
            failed_step: None,
        }),
    };
    match context.store().commit(checkpoint).await? {
        CommitOutcome::Committed { seq } => {
            let (organization, execution) = (claimed.organization_id, claimed.id);
            context.services.notices().publish(vec![Notice { organization, execution, seq, ended: true }]);
            Ok(())
        }
        CommitOutcome::Fenced => Err(DriveError::Fenced),
    }
}

/// What parking came to.
pub(super) enum Committed {
    /// The execution waits; this drive is over.
    Done,
    /// Something was due before it could be parked.
    GoOn,
}

impl Execution {
    /// Commits what is pending; the execution stays in hand.
    pub(super) async fn checkpoint(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let state = self.state_text()?;
        self.commit(context, Patch::Running { state }).await
    }

    /// Commits the end.
    pub(super) async fn end(mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let end = super::patch::ended(&self.state);
        self.commit(context, Patch::Ended(end)).await?;
        metrics::counter!("sluice_executions_ended_total", "status" => self.state.status().name()).increment(1);
        Ok(())
    }

    /// Commits that there is nothing to do but wait, and leaves the execution to what wakes it.
    pub(super) async fn park(&mut self, context: &Arc<Context>) -> Result<Committed, DriveError> {
        let waits = engine::machine::waits(&self.version.plan, &self.origin, &self.state);
        let now = context.now();
        let wake_at = waits.iter().filter_map(|wait| wait.due_at).min();
        if wake_at.is_some_and(|due| due <= now) {
            self.advance(context, engine::machine::Command::Wake)?;
            return Ok(Committed::GoOn);
        }
        let rows = waits
            .into_iter()
            .map(|wait| WaitRow {
                step_path: wait.step_path,
                kind: wait.kind.name().to_owned(),
                due_at_ms: wait.due_at.map(|due| due.0),
            })
            .collect();
        let status = super::patch::status(self.state.status());
        let state = self.state_text()?;
        let wake_at_ms = wake_at.map(|due| due.0);
        self.commit(context, Patch::Parked { status, state, waits: rows, wake_at_ms }).await?;
        if let Some(due) = wake_at {
            context.wake_at(due);
        }
        Ok(Committed::Done)
    }

    /// Gives the execution back to the queue, so that another worker goes on.
    pub(super) async fn hand_back(mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let state = self.state_text()?;
        self.commit(context, Patch::Released { state }).await?;
        let runnable = Runnable { id: self.id(), queue: self.claimed.queue.clone(), priority: self.claimed.priority };
        wake::push(context, vec![runnable]).await;
        Ok(())
    }

    async fn commit(&mut self, context: &Arc<Context>, patch: Patch) -> Result<(), DriveError> {
        let events = std::mem::take(&mut self.pending);
        let ended = matches!(patch, Patch::Ended(_));
        let checkpoint = Checkpoint {
            organization_id: self.organization(),
            execution_id: self.id(),
            worker_id: context.worker,
            epoch: self.claimed.epoch,
            seq: self.seq,
            events: serde_json::to_string(&events).map_err(DriveError::Write)?,
            decision: super::patch::decision(&events)?,
            at_ms: context.now().0,
            patch,
        };
        match context.store().commit(checkpoint).await? {
            CommitOutcome::Committed { seq } => {
                self.seq = seq;
                let notice = Notice { organization: self.organization(), execution: self.id(), seq, ended };
                context.services.notices().publish(vec![notice]);
                Ok(())
            }
            CommitOutcome::Fenced => Err(DriveError::Fenced),
        }
    }

    fn state_text(&self) -> Result<String, DriveError> {
        serde_json::to_string(&self.state).map_err(DriveError::Write)
    }
}
