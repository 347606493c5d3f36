//! Writes what was decided: one commit, fenced by the epoch, told to whoever listens.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::machine::{self, Command, Event, StepError};
use ids::ExecutionId;
use queue::Notice;
use service::signals::Told;
use store::{
    ApprovalWrites, Checkpoint, Claimed, CommitOutcome, Deadline, Ended, ExecutionResult, ExecutionStatus, Patch,
    Runnable, WaitRow,
};
use tracing::warn;

use super::DriveError;
use super::execution::{Execution, LoadError};
use super::measures;
use crate::context::Context;
use crate::faults;
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
    let patch = Patch::Ended(Ended {
        status: ExecutionStatus::Failed,
        result: Some(ExecutionResult::Failed),
        error_code: Some(error.code),
        error_message: Some(error.message),
        failed_step: None,
    });
    let measures = measures::of_execution(&context.causes, claimed, claimed.seq, &patch, at.0);
    let checkpoint = Checkpoint {
        organization_id: claimed.organization_id,
        workflow_id: claimed.workflow_id,
        execution_id: claimed.id,
        worker_id: context.worker,
        epoch: claimed.epoch,
        seq: claimed.seq,
        events: serde_json::to_string(&events).map_err(DriveError::Write)?,
        decision: None,
        at_ms: at.0,
        patch,
        taken: Vec::new(),
        sends: Vec::new(),
        // What it has asked is not known: all of it.
        approvals: ApprovalWrites { withdraws_all: true, ..ApprovalWrites::default() },
        told_at_most: None,
        deadline: Deadline::Stays,
        measures,
    };
    match context.store().commit(checkpoint).await? {
        CommitOutcome::Committed { seq, signals: _ } => {
            let (organization, execution) = (claimed.organization_id, claimed.id);
            context.services.notices().publish(vec![Notice { organization, execution, seq, ended: true }]);
            // What it waits for is not known either.
            super::children::give_up_children(context, organization, execution, &[]).await;
            Ok(())
        }
        CommitOutcome::Fenced => Err(DriveError::Fenced),
    }
}

/// What is to be remembered of a commit once it is durable.
struct Written {
    events: Vec<Event>,
    /// Bytes of the journal row.
    journal: usize,
    /// Bytes of the state, if it was written too.
    state: Option<usize>,
    /// Who was told something.
    told: Vec<ExecutionId>,
    /// The end of the whole life, Unix milliseconds.
    life_ends: Option<i64>,
    /// The approvals that are open then.
    asked: BTreeSet<String>,
    /// It counts only if nothing was told that this drive has not heard.
    hears_all: bool,
    ended: bool,
}

/// What parking came to.
pub(super) enum Committed {
    /// The execution waits; this drive is over.
    Done,
    /// Something was due before it could be parked.
    GoOn,
}

impl Execution {
    /// Commits what is pending; the execution stays in hand. More may be pending afterwards: an event that
    /// came before the wait for it.
    pub(super) async fn checkpoint(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let waits = machine::waits(&self.version.plan, &self.origin, &self.state);
        let new = self.unrecorded(&waits);
        if self.pending.is_empty() && new.is_empty() && !self.inbox.has_taken() {
            return Ok(());
        }
        // While it is in hand nobody reads its state; after a crash the journal tells the rest.
        let state = if self.unsaved.is_much() { Some(self.state_text()?) } else { None };
        if new.is_empty() {
            return self.commit(context, Patch::Running { state, waits: Vec::new() }).await;
        }
        let rows = waits.into_iter().map(row).collect::<Result<_, _>>()?;
        self.commit(context, Patch::Running { state, waits: rows }).await?;
        self.recorded = self.event_waits();
        self.take_early_events(context, new).await
    }

    /// Waits for events that nobody finds in the database yet.
    fn unrecorded(&self, waits: &[machine::WaitRow]) -> Vec<machine::WaitRow> {
        let is_new = |wait: &&machine::WaitRow| {
            wait.event.is_some() && !self.recorded.contains(&(wait.step_path.clone(), wait.visit))
        };
        waits.iter().filter(is_new).cloned().collect()
    }

    /// Commits the end, and tells the executions that wait for it and for which it waited.
    pub(super) async fn end(mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let end = super::patch::ended(&self.state);
        if let Some(parent) = self.awaited_by() {
            let told = Told::Signal { what: machine::ended_child(&self.origin, &self.state) };
            self.sends.push(told.row(self.organization(), parent));
        }
        let told: Vec<ExecutionId> = self.sends.iter().map(|signal| signal.execution_id).collect();
        self.commit(context, Patch::Ended(end)).await?;
        faults::point(context, "drive_ended");
        self.leave_children(context, &told).await;
        self.free_slot(context).await;
        self.audit(context);
        context.tally.ended(self.state.status() == machine::Status::Failed);
        metrics::counter!("sluice_executions_ended_total", "status" => self.state.status().name()).increment(1);
        Ok(())
    }

    /// Commits that there is nothing to do but wait, and leaves the execution to what wakes it.
    pub(super) async fn park(&mut self, context: &Arc<Context>) -> Result<Committed, DriveError> {
        let waits = machine::waits(&self.version.plan, &self.origin, &self.state);
        if !self.unrecorded(&waits).is_empty() {
            self.checkpoint(context).await?;
            return Ok(Committed::GoOn);
        }
        let now = context.now();
        let wake_at = waits.iter().filter_map(|wait| wait.due_at).min();
        if wake_at.is_some_and(|due| due <= now) {
            self.wake(context).await?;
            return Ok(Committed::GoOn);
        }
        let rows = waits.into_iter().map(row).collect::<Result<_, _>>()?;
        let status = super::patch::status(self.state.status());
        let state = self.state_text()?;
        let wake_at_ms = wake_at.map(|due| due.0);
        let paused_at_ms = self.state.paused_since().map(|since| since.0);
        self.commit(context, Patch::Parked { status, state, waits: rows, wake_at_ms, paused_at_ms }).await?;
        if self.inbox.has_news() {
            // It was told something at the last moment: the database has put it back into the queue.
            wake::push(context, vec![self.runnable()]);
        } else if let Some(due) = wake_at {
            context.wake_at(due);
        }
        Ok(Committed::Done)
    }

    /// Gives the execution back to the queue, so that another worker goes on.
    pub(super) async fn hand_back(mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let state = self.state_text()?;
        self.commit(context, Patch::Released { state }).await?;
        wake::push(context, vec![self.runnable()]);
        Ok(())
    }

    fn runnable(&self) -> Runnable {
        Runnable {
            id: self.id(),
            organization: self.claimed.organization_id,
            queue: self.claimed.queue.clone(),
            priority: self.claimed.priority,
        }
    }

    /// Commits what is pending while what follows is decided, so that a long loop does not stand still for each of its
    /// commits. What is decided meanwhile goes no further than this program until the commit has come back.
    pub(super) async fn checkpoint_and_go_on(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let waits = machine::waits(&self.version.plan, &self.origin, &self.state);
        let has_more = self.inbox.has_news() || !self.unrecorded(&waits).is_empty();
        if has_more || (self.pending.is_empty() && !self.inbox.has_taken()) {
            self.checkpoint(context).await?;
            if self.has_ended() {
                return Ok(());
            }
            if self.inbox.has_news() {
                // Whoever pauses or cancels a long loop is heard within it.
                self.look(context).await?;
                return self.take_in(context);
            }
            return self.advance(context, Command::Wake);
        }
        let state = if self.unsaved.is_much() { Some(self.state_text()?) } else { None };
        let (checkpoint, written) = self.prepare(context, Patch::Running { state, waits: Vec::new() })?;
        let next = async {
            // The committer comes first, then the database works while this goes on.
            tokio::task::yield_now().await;
            self.advance(context, Command::Wake)
        };
        let (outcome, decided) = tokio::join!(context.store().commit(checkpoint), next);
        self.committed(context, outcome?, written).await?;
        decided
    }

    async fn commit(&mut self, context: &Arc<Context>, patch: Patch) -> Result<(), DriveError> {
        let (checkpoint, written) = self.prepare(context, patch)?;
        let outcome = context.store().commit(checkpoint).await?;
        self.committed(context, outcome, written).await
    }

    /// The commit of what is pending, and what is to be remembered once it is durable.
    fn prepare(&mut self, context: &Context, patch: Patch) -> Result<(Checkpoint, Written), DriveError> {
        let events = std::mem::take(&mut self.pending);
        let ended = matches!(patch, Patch::Ended(_));
        let events_text = serde_json::to_string(&events).map_err(DriveError::Write)?;
        let (journal, state) = (events_text.len(), state_size(&patch));
        let sends = std::mem::take(&mut self.sends);
        let approvals = self.approval_writes(context, &events, context.now())?;
        let told_at_most = super::approvals::closes_unheard(&events).then(|| self.inbox.known());
        let told: Vec<ExecutionId> = sends.iter().map(|signal| signal.execution_id).collect();
        let at_ms = context.now().0;
        let life_ends = machine::life_ends(&self.version.plan, &self.origin, &self.state).map(|at| at.0);
        let (begun, causes) = (&mut self.begun, &context.causes);
        let measures = measures::of_commit(begun, causes, &self.claimed, self.seq, &events, &patch, at_ms);
        let checkpoint = Checkpoint {
            organization_id: self.organization(),
            workflow_id: self.claimed.workflow_id,
            execution_id: self.id(),
            worker_id: context.worker,
            epoch: self.claimed.epoch,
            seq: self.seq,
            events: events_text,
            decision: super::patch::decision(&events)?,
            at_ms,
            patch,
            taken: self.inbox.taken(),
            sends,
            approvals,
            told_at_most,
            deadline: Deadline::change(self.deadline, life_ends),
            measures,
        };
        let hears_all = told_at_most.is_some();
        let asked = self.open_approvals();
        Ok((checkpoint, Written { events, journal, state, told, life_ends, asked, hears_all, ended }))
    }

    /// What was prepared has come back from the database.
    async fn committed(
        &mut self,
        context: &Arc<Context>,
        outcome: CommitOutcome,
        written: Written,
    ) -> Result<(), DriveError> {
        match outcome {
            CommitOutcome::Committed { seq, signals } => {
                self.seq = seq;
                self.deadline = written.life_ends;
                self.asked = written.asked;
                self.unsaved.written(written.journal, written.state);
                self.inbox.counted(signals);
                self.tell_long_pause(&written.events);
                let (organization, execution) = (self.organization(), self.id());
                let notice = Notice { organization, execution, seq, ended: written.ended };
                context.services.notices().publish(vec![notice]);
                deliver(context, &written.told).await;
                Ok(())
            }
            CommitOutcome::Fenced if written.hears_all => Err(DriveError::Overtaken),
            CommitOutcome::Fenced => Err(DriveError::Fenced),
        }
    }

    /// Says once, when it is durable, that an execution has been paused for long.
    fn tell_long_pause(&self, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::PausedLong { .. })) {
            let id = self.id();
            metrics::counter!("sluice_long_pauses_total").increment(1);
            warn!(execution.id = %id, "execution {id} has been paused for {:?}", machine::LONG_PAUSE);
        }
    }

    fn state_text(&self) -> Result<String, DriveError> {
        serde_json::to_string(&self.state).map_err(DriveError::Write)
    }
}

/// The size of the state that a patch stores, if it stores one.
fn state_size(patch: &Patch) -> Option<usize> {
    match patch {
        Patch::Running { state, .. } => state.as_ref().map(String::len),
        Patch::Parked { state, .. } | Patch::Released { state } => Some(state.len()),
        Patch::Ended(_) => None,
    }
}

/// Wakes those who were told something. A failure costs time only: a reconciler delivers it.
async fn deliver(context: &Arc<Context>, told: &[ExecutionId]) {
    if let Err(problem) = service::signals::deliver(&context.services, told).await {
        warn!(error = %service::chain(&problem), "{} executions cannot be told now, the reconciler will", told.len());
    }
}

/// A wait as the database has it.
fn row(wait: machine::WaitRow) -> Result<WaitRow, DriveError> {
    let keys =
        (!wait.keys.is_empty()).then(|| serde_json::to_string(&wait.keys)).transpose().map_err(DriveError::Write)?;
    Ok(WaitRow {
        step_path: wait.step_path.into(),
        kind: wait.kind.name().to_owned(),
        due_at_ms: wait.due_at.map(|due| due.0),
        event: wait.event,
        correlation: wait.correlation,
        keys,
        target: wait.target,
    })
}
