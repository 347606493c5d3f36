//! The database of the model: rows of executions, signals, waits and events, with the conditions under
//! which each may be written. One method stands for one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Timestamp;
use engine::machine::{Event, Origin, Rate, State, Status, WaitRow, apply};
use engine::plan::Plan;
use serde_json::Value;

use crate::fault::Fault;
use crate::told::Told;

/// Number of an execution: its place in the table.
pub type ExecutionNo = usize;

/// Number of a worker; a restarted one has another.
pub type WorkerNo = u32;

/// A row of the journal.
#[derive(Debug, Clone)]
pub struct JournalRow {
    /// 1, 2, 3 … for each execution.
    pub seq: u32,
    /// The claim under which it was written; 0 for the start.
    pub epoch: u32,
    /// Its events, JSON.
    pub events: String,
}

/// A row of the executions.
#[derive(Debug)]
pub struct ExecutionRow {
    /// What never changes about it.
    pub origin: Arc<Origin>,
    /// The version that it runs.
    pub plan: Arc<Plan>,
    /// As lists show it.
    pub status: Status,
    /// JSON; absent before the first commit and after the end.
    pub state: Option<String>,
    /// Number of the last journal row.
    pub seq: u32,
    /// Number of the last claim.
    pub epoch: u32,
    /// Claims since anything was committed.
    pub claims: u32,
    /// Who has it.
    pub worker: Option<WorkerNo>,
    /// Signals that were delivered and not taken in.
    pub signals: usize,
    /// When it was pushed to the queue last.
    pub pushed_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The execution that started it.
    pub parent: Option<ExecutionNo>,
    /// What was committed.
    pub journal: Vec<JournalRow>,
    /// The events of the journal, read back: for the invariants.
    pub events: Vec<Event>,
    /// A cancellation was recorded for it: for the invariants.
    pub was_told_to_end: bool,
    /// Executions that it has waited for: for the invariants.
    pub waited_for: Vec<ExecutionNo>,
    /// How often it was retried: from then on nobody waits for it.
    pub retries: u32,
}

/// A signal on its way.
#[derive(Debug, Clone)]
pub struct SignalRow {
    /// For whom.
    pub execution: ExecutionNo,
    /// What, JSON.
    pub data: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Counted in the row of the execution.
    pub is_delivered: bool,
}

/// An accepted event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its name.
    pub name: String,
    /// Its data.
    pub payload: Value,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Whether everybody who waited for it has been told.
    pub is_routed: bool,
}

impl EventRow {
    /// What an execution is told of event number `index`.
    #[must_use]
    pub fn told(&self, index: usize) -> Told {
        let id = format!("evt_{index}");
        let (event, payload, at) = (self.name.clone(), self.payload.clone(), Some(self.received_at));
        let what = engine::machine::Signal::Event { id, event, payload, at };
        Told::Signal { what }
    }
}

/// What a commit does with the row.
#[derive(Debug, Clone)]
pub enum Patch {
    /// Stays in hand; waits are written when there are any.
    Running { state: String, waits: Vec<WaitRow> },
    /// Rests until something wakes it.
    Parked { status: Status, state: String, waits: Vec<WaitRow> },
    /// Back to the queue.
    Released { state: String },
    /// Ended.
    Ended { status: Status },
}

/// A checkpoint, an end or a hand-back.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Of which execution.
    pub execution: ExecutionNo,
    /// By whom.
    pub worker: WorkerNo,
    /// Under which claim.
    pub epoch: u32,
    /// The journal row that it follows.
    pub seq: u32,
    /// JSON.
    pub events: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub patch: Patch,
    /// Positions of the signals that it takes in.
    pub taken: Vec<u64>,
    /// What others are told.
    pub sends: Vec<(ExecutionNo, Told)>,
}

/// What a claim gives to its worker.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which execution.
    pub execution: ExecutionNo,
    /// The machine's state, JSON.
    pub state: Option<String>,
    /// Number of the last journal row.
    pub seq: u32,
    /// Number of this claim.
    pub epoch: u32,
    /// Claims since anything was committed, this one included.
    pub claims: u32,
    /// Signals that were delivered and not taken in.
    pub signals: usize,
}

/// A start.
#[derive(Debug)]
pub struct NewExecution {
    /// What never changes about it.
    pub origin: Origin,
    /// The version.
    pub plan: Arc<Plan>,
    /// The execution that starts it.
    pub parent: Option<ExecutionNo>,
}

/// The tables.
#[derive(Debug, Default)]
pub struct Database {
    /// Executions, by number.
    pub executions: Vec<ExecutionRow>,
    /// Signals, by position.
    pub signals: BTreeMap<u64, SignalRow>,
    /// What wakes those that rest.
    pub waits: Vec<(ExecutionNo, WaitRow)>,
    /// Accepted events, in order.
    pub events: Vec<EventRow>,
    /// When each live worker sent its last heartbeat.
    pub heartbeats: BTreeMap<WorkerNo, Timestamp>,
    /// By workflow and key: when all turns that were given are over.
    rates: BTreeMap<(String, String), Timestamp>,
    start_keys: BTreeMap<String, ExecutionNo>,
    event_keys: BTreeMap<String, usize>,
    last_position: u64,
    fault: Option<Fault>,
}

impl Database {
    /// Empty tables.
    #[must_use]
    pub fn new(fault: Option<Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// Records an execution, or finds the one that was started with the same key.
    pub fn start(&mut self, new: NewExecution, key: Option<&str>) -> ExecutionNo {
        if let Some(known) = key.and_then(|key| self.start_keys.get(key)) {
            return *known;
        }
        let number = self.executions.len();
        let events = engine::machine::accepted();
        let text = serde_json::to_string(&events).expect("events are plain data");
        let at = new.origin.accepted_at;
        self.executions.push(ExecutionRow {
            origin: Arc::new(new.origin),
            plan: new.plan,
            status: Status::Queued,
            state: None,
            seq: 1,
            epoch: 0,
            claims: 0,
            worker: None,
            signals: 0,
            pushed_at: at,
            ended_at: None,
            parent: new.parent,
            journal: vec![JournalRow { seq: 1, epoch: 0, events: text }],
            events,
            was_told_to_end: false,
            waited_for: Vec::new(),
            retries: 0,
        });
        if let Some(key) = key {
            self.start_keys.insert(key.to_owned(), number);
        }
        number
    }

    /// Gives an execution that is queued to `worker`.
    pub fn claim(&mut self, worker: WorkerNo, execution: ExecutionNo) -> Option<Claimed> {
        let stands_still = self.fault == Some(Fault::EpochsStandStill);
        let row = self.executions.get_mut(execution).filter(|row| row.status == Status::Queued)?;
        row.status = Status::Running;
        row.worker = Some(worker);
        row.epoch += u32::from(!stands_still || row.epoch == 0);
        row.claims += 1;
        Some(Claimed {
            execution,
            state: row.state.clone(),
            seq: row.seq,
            epoch: row.epoch,
            claims: row.claims,
            signals: row.signals,
        })
    }

    /// Writes what a claim decided; answers the new number and the signals that are left, or nothing when the
    /// claim holds no more.
    pub fn commit(&mut self, commit: &Commit) -> Option<(u32, usize)> {
        let row = self.executions.get_mut(commit.execution)?;
        let holds = row.worker == Some(commit.worker) && row.epoch == commit.epoch && row.seq == commit.seq;
        if !holds && self.fault != Some(Fault::UnfencedCommits) {
            return None;
        }
        row.seq += 1;
        row.journal.push(JournalRow { seq: row.seq, epoch: commit.epoch, events: commit.events.clone() });
        let events: Vec<Event> = serde_json::from_str(&commit.events).expect("events are read as they were written");
        row.events.extend(events);
        let has_more = row.signals > commit.taken.len() && self.fault != Some(Fault::ParkIgnoresSignals);
        row.signals = row.signals.saturating_sub(commit.taken.len());
        row.claims = 0;
        let (status, state, waits) = match &commit.patch {
            Patch::Running { state, waits } => (Status::Running, Some(state), Some(waits).filter(|w| !w.is_empty())),
            Patch::Parked { state, waits, .. } if has_more => (Status::Queued, Some(state), Some(waits)),
            Patch::Parked { status, state, waits } => (*status, Some(state), Some(waits)),
            Patch::Released { state } => (Status::Queued, Some(state), None),
            Patch::Ended { status } => (*status, None, None),
        };
        row.status = status;
        row.state = state.cloned();
        if status != Status::Running {
            row.worker = None;
            row.pushed_at = commit.at;
        }
        if status.is_end() {
            row.ended_at = Some(commit.at);
        }
        let answer = (row.seq, row.signals);
        if status != Status::Running || waits.is_some() {
            self.waits.retain(|(execution, _)| *execution != commit.execution);
        }
        self.waits.extend(waits.into_iter().flatten().map(|wait| (commit.execution, wait.clone())));
        for position in &commit.taken {
            self.signals.remove(position);
        }
        if status.is_end() {
            self.signals.retain(|_, signal| signal.execution != commit.execution || !signal.is_delivered);
        }
        for (execution, told) in &commit.sends {
            self.send(*execution, told, commit.at);
        }
        Some(answer)
    }

    /// Records a signal.
    pub fn send(&mut self, execution: ExecutionNo, told: &Told, at: Timestamp) {
        self.last_position += 1;
        let row = SignalRow { execution, data: told.text(), created_at: at, is_delivered: false };
        self.signals.insert(self.last_position, row);
        if let Some(row) = self.executions.get_mut(execution) {
            row.was_told_to_end |= *told == Told::Cancel;
        }
    }

    /// Counts the signals that were recorded for an execution; one at rest is queued. Answers its status then.
    pub fn deliver(&mut self, execution: ExecutionNo, at: Timestamp) -> Option<Status> {
        let mut count = 0;
        for signal in self.signals.values_mut().filter(|signal| signal.execution == execution) {
            count += usize::from(!signal.is_delivered);
            signal.is_delivered = true;
        }
        let row = self.executions.get_mut(execution)?;
        if row.ended_at.is_some() {
            self.signals.retain(|_, signal| signal.execution != execution);
            return None;
        }
        if count == 0 {
            return None;
        }
        row.signals += count;
        if is_at_rest(row.status) {
            row.status = Status::Queued;
            row.pushed_at = at;
        }
        Some(row.status)
    }

    /// What was delivered to an execution and it has not taken in.
    pub fn delivered(&self, execution: ExecutionNo) -> impl Iterator<Item = (u64, &SignalRow)> {
        let signals = self.signals.iter().map(|(position, row)| (*position, row));
        signals.filter(move |(_, row)| row.execution == execution && row.is_delivered)
    }

    /// Executions with signals from before `before` that nobody has delivered.
    #[must_use]
    pub fn undelivered(&self, before: Timestamp) -> Vec<ExecutionNo> {
        let late = self.signals.values().filter(|row| !row.is_delivered && row.created_at < before);
        let mut executions: Vec<ExecutionNo> = late.map(|row| row.execution).collect();
        executions.sort_unstable();
        executions.dedup();
        executions
    }

    /// Records an event, or finds the one with the same key.
    pub fn insert_event(&mut self, name: &str, payload: &Value, key: Option<&str>, at: Timestamp) -> usize {
        if let Some(known) = key.and_then(|key| self.event_keys.get(key)) {
            return *known;
        }
        let number = self.events.len();
        let (name, payload) = (name.to_owned(), payload.clone());
        self.events.push(EventRow { name, payload, received_at: at, is_routed: false });
        if let Some(key) = key {
            self.event_keys.insert(key.to_owned(), number);
        }
        number
    }

    /// Takes the time off the waits that are due; answers the executions that they wake.
    pub fn due_waits(&mut self, now: Timestamp) -> Vec<ExecutionNo> {
        let is_due = |wait: &WaitRow| wait.due_at.is_some_and(|due| due <= now);
        let due: Vec<ExecutionNo> =
            self.waits.iter().filter(|(_, wait)| is_due(wait)).map(|(execution, _)| *execution).collect();
        self.waits.iter_mut().filter(|(_, wait)| is_due(wait)).for_each(|(_, wait)| wait.due_at = None);
        let mut woken = Vec::new();
        for execution in due {
            let Some(row) = self.executions.get_mut(execution).filter(|row| is_at_rest(row.status)) else { continue };
            row.status = Status::Queued;
            row.pushed_at = now;
            woken.push(execution);
        }
        woken
    }

    /// Queues again what workers without a heartbeat since `since` have.
    pub fn lost_workers(&mut self, since: Timestamp, now: Timestamp) -> Vec<ExecutionNo> {
        if self.fault == Some(Fault::LostWorkersForgotten) {
            return Vec::new();
        }
        let heartbeats = &self.heartbeats;
        let is_live = |worker: WorkerNo| heartbeats.get(&worker).is_some_and(|at| *at >= since);
        let mut lost = Vec::new();
        for (number, row) in self.executions.iter_mut().enumerate() {
            if row.worker.is_some_and(|worker| !is_live(worker)) {
                (row.status, row.worker, row.pushed_at) = (Status::Queued, None, now);
                lost.push(number);
            }
        }
        lost
    }

    /// Queues again what `worker` has, of one execution and claim or of all.
    pub fn hand_back(
        &mut self,
        worker: WorkerNo,
        which: Option<(ExecutionNo, u32)>,
        now: Timestamp,
    ) -> Vec<ExecutionNo> {
        let mut freed = Vec::new();
        for (number, row) in self.executions.iter_mut().enumerate().filter(|(_, row)| row.worker == Some(worker)) {
            if which.is_none_or(|which| which == (number, row.epoch)) {
                (row.status, row.worker, row.pushed_at) = (Status::Queued, None, now);
                freed.push(number);
            }
        }
        freed
    }

    /// What `worker` has, with the epochs.
    #[must_use]
    pub fn claims_of(&self, worker: WorkerNo) -> Vec<(ExecutionNo, u32)> {
        let rows = self.executions.iter().enumerate().filter(|(_, row)| row.worker == Some(worker));
        rows.map(|(number, row)| (number, row.epoch)).collect()
    }

    /// Executions that are queued and were not pushed since `before`; they count as pushed now.
    pub fn stale_queued(&mut self, before: Timestamp, now: Timestamp) -> Vec<ExecutionNo> {
        let mut stale = Vec::new();
        for (number, row) in self.executions.iter_mut().enumerate() {
            if row.status == Status::Queued && row.pushed_at < before {
                row.pushed_at = now;
                stale.push(number);
            }
        }
        stale
    }

    /// Takes the next turn of a rate; answers its moment.
    pub fn take_turn(&mut self, workflow: &str, rate: &Rate, now: Timestamp) -> Timestamp {
        let interval = rate.per / rate.limit.max(1);
        let free_at = self.rates.entry((workflow.to_owned(), rate.key.clone())).or_insert(now);
        *free_at = (*free_at).max(now).plus(interval);
        let ahead = i64::try_from((interval * rate.burst.max(1)).as_millis()).unwrap_or(i64::MAX);
        Timestamp(free_at.0.saturating_sub(ahead)).max(now)
    }

    /// Executions that have not ended.
    pub fn live(&self) -> impl Iterator<Item = (ExecutionNo, &ExecutionRow)> {
        self.executions.iter().enumerate().filter(|(_, row)| row.ended_at.is_none())
    }
}

impl ExecutionRow {
    /// The state as it stands in the journal.
    #[must_use]
    pub fn fold(&self) -> State {
        let mut state = State::new();
        self.events.iter().for_each(|event| apply(&mut state, event));
        state
    }
}

/// Whether an execution is in nobody's hands and waits to be woken.
#[must_use]
pub const fn is_at_rest(status: Status) -> bool {
    matches!(status, Status::Waiting | Status::Blocked | Status::Paused)
}
