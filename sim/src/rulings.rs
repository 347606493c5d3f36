//! What people decide over executions that no worker has to follow: each one transaction.

use engine::Timestamp;
use engine::machine::{Command, Signal, Status, advance, children, ended_child};

use crate::database::{Database, ExecutionNo, JournalRow, WorkerNo};

/// The children that were waited for, and the end that the parent waits for.
type Bereaved = (Vec<String>, Option<(ExecutionNo, Signal)>);

impl Database {
    /// Lets an execution that has failed go on, with what the engine decided; nothing when it has not failed.
    pub fn retry(&mut self, execution: ExecutionNo, at: Timestamp) -> bool {
        let Some(row) = self.executions.get_mut(execution).filter(|row| row.status == Status::Failed) else {
            return false;
        };
        let mut state = row.fold();
        let command = Command::Retry { by: None, reason: None, hold: false };
        let Ok(decided) = advance(&row.plan, &row.origin, &mut state, command, at) else { return false };
        row.seq += 1;
        row.epoch += 1;
        let events = serde_json::to_string(&decided.events).expect("events are plain data");
        row.journal.push(JournalRow { seq: row.seq, epoch: row.epoch, events });
        row.events.extend(decided.events);
        (row.status, row.ended_at, row.pushed_at) = (Status::Queued, None, at);
        row.state = Some(serde_json::to_string(&state).expect("a state is plain data"));
        (row.claims, row.signals, row.was_told_to_end) = (0, 0, false);
        row.retries += 1;
        // What was told to one that had ended is void.
        self.signals.retain(|_, signal| signal.execution != execution);
        true
    }

    /// Ends an execution that no worker has, or one without a heartbeat since `since`; answers the children that it
    /// waits for, and the end that its parent waits for. Nothing when a worker has it.
    pub fn terminate(&mut self, execution: ExecutionNo, since: Timestamp, at: Timestamp) -> Option<Bereaved> {
        let heartbeats = &self.heartbeats;
        let is_live = |worker: WorkerNo| heartbeats.get(&worker).is_some_and(|at| *at >= since);
        let row = self.executions.get_mut(execution)?;
        if row.ended_at.is_some() || row.worker.is_some_and(is_live) {
            return None;
        }
        let mut state = row.fold();
        let children = children(&state);
        let decided =
            advance(&row.plan, &row.origin, &mut state, Command::Cancel { by: None, reason: None }, at).ok()?;
        row.seq += 1;
        row.epoch += 1;
        let events = serde_json::to_string(&decided.events).expect("events are plain data");
        row.journal.push(JournalRow { seq: row.seq, epoch: row.epoch, events });
        row.events.extend(decided.events);
        (row.status, row.ended_at, row.state, row.worker) = (state.status(), Some(at), None, None);
        (row.claims, row.signals) = (0, 0);
        let parent = row.parent.filter(|_| row.origin.trigger["waits"] == true);
        let told = parent.map(|parent| (parent, ended_child(&row.origin, &state)));
        self.waits.retain(|(owner, _)| *owner != execution);
        self.signals.retain(|_, signal| signal.execution != execution);
        Some((children, told))
    }
}
