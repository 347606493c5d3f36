//! Executions: what starts them, what a claim hands out, what a checkpoint writes.

use ids::{EventId, ExecutionId, OrganizationId, WorkerId, WorkflowId, WorkflowVersionId};

use super::code::{UnknownCode, codes};
use super::statistics::{Measured, Measures};

codes! {
    /// Where an execution stands.
    ExecutionStatus, "execution status", {
        /// Accepted or runnable again; nobody has it.
        Queued = 0,
        /// A worker has it.
        Running = 1,
        /// Waits for a time, an event, a child or a slot.
        Waiting = 2,
        /// Waits for people to decide.
        Blocked = 3,
        /// Held by an operator.
        Paused = 4,
        /// Ended well.
        Completed = 5,
        /// Ended by an error or a deadline.
        Failed = 6,
        /// Ended by request.
        Cancelled = 7,
    }
}

impl ExecutionStatus {
    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

codes! {
    /// What an execution came to.
    ExecutionResult, "execution result", {
        /// Done, without a decision.
        Executed = 0,
        /// Decided to allow.
        Allowed = 1,
        /// Decided to block.
        Blocked = 2,
        /// Failed.
        Failed = 3,
    }
}

codes! {
    /// What started an execution.
    TriggerType, "trigger type", {
        /// A person or program.
        Manual = 0,
        /// A matching event.
        Event = 1,
        /// A point in time.
        Schedule = 2,
        /// A call from outside.
        Webhook = 3,
        /// Another execution.
        Workflow = 4,
    }
}

/// A searchable pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Name; once per execution.
    pub name: String,
    /// Value.
    pub value: String,
}

/// Same key within 24 hours, same execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartKey {
    /// The key.
    pub key: String,
    /// Tells two requests with the same key apart.
    pub fingerprint: String,
}

/// An execution on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// Its id; UUIDv7, so that ids sort by acceptance.
    pub id: ExecutionId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The version it begins with.
    pub version_id: WorkflowVersionId,
    /// Number of that version.
    pub version_number: i32,
    /// Business key.
    pub key: Option<String>,
    /// 0 to 9, higher first.
    pub priority: i16,
    /// Queue whose workers run it.
    pub queue: String,
    /// What started it.
    pub trigger_type: TriggerType,
    /// Details of what started it, JSON.
    pub trigger: String,
    /// The event that started it.
    pub event_id: Option<EventId>,
    /// Actor that started it.
    pub started_by: String,
    /// The payload, JSON.
    pub input: String,
    /// Searchable pairs; each name once.
    pub labels: Vec<Label>,
    /// Events of its first journal row, a JSON list.
    pub events: String,
    /// Its idempotency key.
    pub start_key: Option<StartKey>,
    /// When it was accepted, Unix milliseconds.
    pub queued_at_ms: i64,
    /// When it must have ended, Unix milliseconds.
    pub deadline_at_ms: Option<i64>,
    /// How many executions in a row led to it, by events or as children.
    pub depth: i16,
    /// The execution that starts it.
    pub parent_id: Option<ExecutionId>,
    /// Whether that one waits for its end: then it is recorded only while that one lives.
    pub awaited: bool,
    /// The execution that it repeats.
    pub rerun_of: Option<ExecutionId>,
    /// The versions of rules that it has, for its whole life, JSON; absent when its definition names none.
    pub rules: Option<String>,
}

impl NewExecution {
    /// The row as it is recorded, for answers that need no second look at the database.
    #[must_use]
    pub fn into_row(self) -> ExecutionRow {
        let mut labels = self.labels;
        labels.sort_by(|one, other| one.name.cmp(&other.name));
        ExecutionRow {
            id: self.id,
            organization_id: self.organization_id,
            workflow_id: self.workflow_id,
            version_id: self.version_id,
            version_number: self.version_number,
            status: ExecutionStatus::Queued,
            result: None,
            key: self.key,
            priority: self.priority,
            queue: self.queue,
            trigger_type: self.trigger_type,
            trigger: self.trigger,
            event_id: self.event_id,
            started_by: self.started_by,
            input: self.input,
            labels,
            seq: 1,
            epoch: 0,
            worker_id: None,
            decision: None,
            error_code: None,
            error_message: None,
            failed_step: None,
            idempotency_key: self.start_key.map(|start_key| start_key.key),
            queued_at_ms: self.queued_at_ms,
            started_at_ms: None,
            ended_at_ms: None,
            deadline_at_ms: self.deadline_at_ms,
            wake_at_ms: None,
            paused_at_ms: None,
            parent_id: self.parent_id,
            rerun_of: self.rerun_of,
            rules: self.rules,
        }
    }
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// It is recorded.
    New {
        /// Number of its first journal row: 1.
        seq: i32,
    },
    /// Its idempotency key was used within 24 hours.
    Existing {
        /// By this execution.
        execution_id: ExecutionId,
        /// Whether the request was the same too.
        same_fingerprint: bool,
    },
    /// Nothing is recorded: the execution that was to wait for its end has ended.
    ParentEnded,
}

/// A live execution that was started by one that waits for its end, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwaitedChild {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The execution that started it.
    pub parent_id: ExecutionId,
    /// Its id.
    pub id: ExecutionId,
    /// The execution that started it lives no more, and it has been told nothing that it has not taken in.
    pub is_forsaken: bool,
}

/// An execution as lists and details show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Its id.
    pub id: ExecutionId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The version it runs.
    pub version_id: WorkflowVersionId,
    /// Number of that version.
    pub version_number: i32,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What it came to; absent until it ended.
    pub result: Option<ExecutionResult>,
    /// Business key.
    pub key: Option<String>,
    /// 0 to 9, higher first.
    pub priority: i16,
    /// Queue whose workers run it.
    pub queue: String,
    /// What started it.
    pub trigger_type: TriggerType,
    /// Details of what started it, JSON.
    pub trigger: String,
    /// The event that started it.
    pub event_id: Option<EventId>,
    /// Actor that started it.
    pub started_by: String,
    /// The payload, JSON.
    pub input: String,
    /// Searchable pairs, by name.
    pub labels: Vec<Label>,
    /// Number of its last journal row.
    pub seq: i32,
    /// Number of its last claim.
    pub epoch: i32,
    /// Who has it.
    pub worker_id: Option<WorkerId>,
    /// The decision, JSON; absent until decided.
    pub decision: Option<String>,
    /// Why it failed, for programs.
    pub error_code: Option<String>,
    /// Why it failed, in a sentence.
    pub error_message: Option<String>,
    /// Path of the step that failed.
    pub failed_step: Option<String>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// When it was accepted, Unix milliseconds.
    pub queued_at_ms: i64,
    /// When it was first claimed, Unix milliseconds.
    pub started_at_ms: Option<i64>,
    /// When it ended, Unix milliseconds.
    pub ended_at_ms: Option<i64>,
    /// When it must have ended, Unix milliseconds.
    pub deadline_at_ms: Option<i64>,
    /// When it is due to wake, Unix milliseconds; absent unless it waits for a time.
    pub wake_at_ms: Option<i64>,
    /// Since when it rests, paused; Unix milliseconds.
    pub paused_at_ms: Option<i64>,
    /// The execution that started it.
    pub parent_id: Option<ExecutionId>,
    /// The execution that it repeats.
    pub rerun_of: Option<ExecutionId>,
    /// The versions of rules that it has, JSON; absent when its definition names none.
    pub rules: Option<String>,
}

/// An execution that was claimed: from now on only this claim's epoch may write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its id.
    pub id: ExecutionId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The version it runs.
    pub version_id: WorkflowVersionId,
    /// Number of that version.
    pub version_number: i32,
    /// 0 to 9, higher first.
    pub priority: i16,
    /// Its queue.
    pub queue: String,
    /// Details of what started it, JSON.
    pub trigger: String,
    /// The payload, JSON.
    pub input: String,
    /// The machine's state after `state_seq`, JSON; absent when none was stored.
    pub state: Option<String>,
    /// Number of the journal row that `state` includes as the last one: the rows after it are to be applied to it.
    pub state_seq: i32,
    /// Number of its last journal row.
    pub seq: i32,
    /// Number of this claim.
    pub epoch: i32,
    /// Claims since anything was committed, this one included.
    pub claims: i32,
    /// When it was accepted, Unix milliseconds.
    pub queued_at_ms: i64,
    /// When it was first claimed, Unix milliseconds.
    pub started_at_ms: i64,
    /// When it must have ended, Unix milliseconds.
    pub deadline_at_ms: Option<i64>,
    /// How many executions in a row led to it, by events or as children.
    pub depth: i16,
    /// The execution that started it.
    pub parent_id: Option<ExecutionId>,
    /// Signals that were delivered and not taken in.
    pub signals: i32,
    /// The versions of rules that it has, JSON; absent when its definition names none.
    pub rules: Option<String>,
}

/// What wakes a parked execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitRow {
    /// Path of the step that waits.
    pub step_path: String,
    /// Kind of wait, such as `retry`.
    pub kind: String,
    /// When it wakes, Unix milliseconds; absent if only something from outside wakes it.
    pub due_at_ms: Option<i64>,
    /// Name or pattern of the awaited event.
    pub event: Option<String>,
    /// What the event must be about, where one value says it.
    pub correlation: Option<String>,
    /// What the event's payload must have, JSON.
    pub keys: Option<String>,
    /// The approval or the child execution.
    pub target: Option<String>,
}

/// What a claim writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Who has it.
    pub worker_id: WorkerId,
    /// Number of the claim.
    pub epoch: i32,
    /// Number of the last journal row known; the new one gets the next.
    pub seq: i32,
    /// Events of the new journal row, a JSON list.
    pub events: String,
    /// The decision if there is one by now, JSON; absent keeps what is recorded.
    pub decision: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// How the execution goes on.
    pub patch: Patch,
    /// Positions of the signals that it has taken in: they go.
    pub taken: Vec<i64>,
    /// What other executions are told with this commit, to be delivered after it.
    pub sends: Vec<super::signal::NewSignal>,
    /// What it opens, changes and closes of what people are asked.
    pub approvals: super::approval::ApprovalWrites,
    /// Commits only if it has been told no more than this many things, those in `taken` included: what it closes
    /// because nobody decided in time may have been decided a moment ago. Absent, whatever it was told.
    pub told_at_most: Option<i32>,
    /// What becomes of the end of its whole life.
    pub deadline: super::deadline::Deadline,
    /// What it adds to the statistics.
    pub measures: Measures,
}

/// How an execution goes on after a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// In the same hands.
    Running {
        /// The machine's state, JSON; absent, what is stored stays, and the journal goes on from there.
        state: Option<String>,
        /// What could reach it meanwhile; replaces what is recorded, unless it is empty.
        waits: Vec<WaitRow>,
    },
    /// In nobody's hands until something wakes it.
    Parked {
        /// `Waiting`, `Blocked` or `Paused`.
        status: ExecutionStatus,
        /// The machine's state, JSON.
        state: String,
        /// What wakes it; replaces what is recorded.
        waits: Vec<WaitRow>,
        /// The earliest `due_at_ms`.
        wake_at_ms: Option<i64>,
        /// Since when it is paused, Unix milliseconds.
        paused_at_ms: Option<i64>,
    },
    /// Not at all.
    Ended(Ended),
    /// In other hands: back in the queue.
    Released {
        /// The machine's state, JSON.
        state: String,
    },
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// `Completed`, `Failed` or `Cancelled`.
    pub status: ExecutionStatus,
    /// What it came to.
    pub result: Option<ExecutionResult>,
    /// Why it failed, for programs.
    pub error_code: Option<String>,
    /// Why it failed, in a sentence.
    pub error_message: Option<String>,
    /// Path of the step that failed.
    pub failed_step: Option<String>,
}

impl Ended {
    /// As what it is counted.
    #[must_use]
    pub const fn measured(&self) -> Measured {
        match (self.status, self.result) {
            (ExecutionStatus::Failed, _) => Measured::Failed,
            (ExecutionStatus::Cancelled, _) => Measured::Cancelled,
            (_, Some(ExecutionResult::Allowed)) => Measured::Allowed,
            (_, Some(ExecutionResult::Blocked)) => Measured::Blocked,
            (_, Some(ExecutionResult::Executed | ExecutionResult::Failed) | None) => Measured::Executed,
        }
    }
}

/// What became of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable.
    Committed {
        /// Number of its journal row.
        seq: i32,
        /// Signals that were delivered and not taken in. If there are some, then an execution that was to
        /// be parked is queued again instead.
        signals: i32,
    },
    /// The execution is in other hands, or was written since, or was told more than `told_at_most`: nothing was
    /// done.
    Fenced,
}

/// An execution that can run and should be pushed to its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runnable {
    /// The execution.
    pub id: ExecutionId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its queue.
    pub queue: String,
    /// 0 to 9, higher first.
    pub priority: i16,
}
