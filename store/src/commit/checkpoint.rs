//! Writes checkpoints, ends and hand-backs, fenced by worker, epoch and sequence number.

mod columns;
mod postgres;
mod settle;
mod sqlite;
mod sqlite_approvals;

use std::sync::Arc;

use super::committer::Group;
use crate::backend::Backend;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome, ExecutionStatus, Patch, WaitRow};
use crate::store::Store;

/// Writes the new state of executions with a journal row and their waits.
pub struct Checkpoints(pub Arc<Backend>);

impl Group for Checkpoints {
    type Item = Checkpoint;
    type Outcome = CommitOutcome;
    const NAME: &'static str = "checkpoint";

    async fn write(&self, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
        match &*self.0 {
            Backend::Postgres(postgres) => postgres::write(postgres, items).await,
            Backend::Sqlite(sqlite) => sqlite::write(sqlite, items).await,
        }
    }

    /// A checkpoint that is fenced now was written by the write whose answer was lost if its journal
    /// row is there: nobody else writes under its epoch.
    async fn settle(&self, items: &[Checkpoint]) -> Option<Result<Vec<CommitOutcome>, StoreError>> {
        Some(settle::write_or_find(self, items).await)
    }
}

impl Store {
    /// Writes a checkpoint; durable when this returns. One that comes from a lost claim changes
    /// nothing and is told so.
    ///
    /// Serves all organizations, but writes only rows of the one it names.
    ///
    /// # Errors
    /// `Invalid` and `Conflict` for this checkpoint alone; `Unavailable` when the database is away:
    /// then it may have been written all the same.
    pub async fn commit(&self, checkpoint: Checkpoint) -> Result<CommitOutcome, StoreError> {
        check(&checkpoint)?;
        let outcome = self.committers.checkpoints.write(checkpoint).await?;
        if outcome == CommitOutcome::Fenced {
            metrics::counter!("sluice_commit_fenced_total").increment(1);
        }
        Ok(outcome)
    }
}

fn check(checkpoint: &Checkpoint) -> Result<(), StoreError> {
    check_texts([("events", Some(checkpoint.events.as_str())), ("decision", checkpoint.decision.as_deref())])?;
    check_texts(checkpoint.measures.iter().map(|(_, step, ..)| ("step", Some(step))))?;
    check_texts(checkpoint.measures.failure().into_iter().flat_map(|failure| {
        [
            ("step", failure.step.as_deref()),
            ("error_code", Some(failure.code.as_str())),
            ("error_message", Some(failure.message.as_str())),
        ]
    }))?;
    check_texts(checkpoint.sends.iter().map(|signal| ("data", Some(signal.data.as_str()))))?;
    check_texts(checkpoint.approvals.opened.iter().flat_map(|one| {
        [
            ("request", Some(one.request.as_str())),
            ("entity", one.entity.as_deref()),
            ("entity_id", one.entity_id.as_deref()),
        ]
    }))?;
    check_texts(
        checkpoint
            .approvals
            .opened
            .iter()
            .flat_map(|one| one.assignees.iter().map(|assignee| ("assignee", Some(assignee.as_str())))),
    )?;
    match &checkpoint.patch {
        Patch::Released { state } => check_texts([("state", Some(state.as_str()))]),
        Patch::Running { state, waits } => {
            check_texts([("state", state.as_deref())])?;
            check_waits(waits)
        }
        Patch::Parked { status, state, waits, wake_at_ms: _, paused_at_ms: _ } => {
            if !matches!(status, ExecutionStatus::Waiting | ExecutionStatus::Blocked | ExecutionStatus::Paused) {
                return Err(StoreError::Invalid {
                    what: format!("an execution is not parked with the status {status:?}"),
                });
            }
            check_texts([("state", Some(state.as_str()))])?;
            check_waits(waits)
        }
        Patch::Ended(ended) => {
            if !ended.status.is_ended() {
                return Err(StoreError::Invalid {
                    what: format!("an execution does not end with the status {:?}", ended.status),
                });
            }
            check_texts([
                ("error_code", ended.error_code.as_deref()),
                ("error_message", ended.error_message.as_deref()),
                ("failed_step", ended.failed_step.as_deref()),
            ])
        }
    }
}

fn check_waits(waits: &[WaitRow]) -> Result<(), StoreError> {
    check_texts(waits.iter().flat_map(|wait| {
        [
            ("step_path", Some(wait.step_path.as_str())),
            ("kind", Some(wait.kind.as_str())),
            ("event", wait.event.as_deref()),
            ("correlation", wait.correlation.as_deref()),
            ("keys", wait.keys.as_deref()),
            ("target", wait.target.as_deref()),
        ]
    }))
}
