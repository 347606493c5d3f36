//! What people decide over an execution that no worker has to follow.

use ids::{ExecutionId, OrganizationId, WorkflowVersionId};

use super::execution::{Ended, Runnable};
use super::signal::NewSignal;

/// A decision over an execution, made from its journal up to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Number of the last journal row known; the new one gets the next.
    pub seq: i32,
    /// Events of the new journal row, a JSON list.
    pub events: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What was decided.
    pub what: Ruled,
    /// What other executions are told with it, to be delivered after it.
    pub sends: Vec<NewSignal>,
}

/// What was decided over an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruled {
    /// It failed, and goes on: queued again.
    Retried,
    /// It ends, unless a worker that is there has it: then nothing is written. What a lost worker still writes comes
    /// from a lost claim.
    Ended(Ended),
}

/// An execution that is to go on with another version, decided from its journal up to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Number of the last journal row known; the new one gets the next.
    pub seq: i32,
    /// The version that it leaves.
    pub from: WorkflowVersionId,
    /// The version that it goes on with.
    pub to: WorkflowVersionId,
    /// Number of that version.
    pub to_number: i32,
    /// Queue whose workers run that version.
    pub queue: String,
    /// When it must have ended, Unix milliseconds.
    pub deadline_at_ms: Option<i64>,
    /// The versions of rules that it has then, JSON; absent when that version names none.
    pub rules: Option<String>,
    /// Events of the new journal row, a JSON list.
    pub events: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// A ruling that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulingWritten {
    /// Number of its journal row.
    pub seq: i32,
    /// The execution, to be pushed to its queue if it goes on.
    pub runnable: Runnable,
}
