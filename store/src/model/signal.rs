//! What is told to executions from outside, and who waits for what.

use ids::{ExecutionId, OrganizationId};

/// Something to tell an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignal {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The execution that is told.
    pub execution_id: ExecutionId,
    /// What, JSON.
    pub data: String,
}

/// Something that an execution was told and has not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRow {
    /// Rises with every signal.
    pub position: i64,
    /// The execution that is told.
    pub execution_id: ExecutionId,
    /// What, JSON.
    pub data: String,
}

/// What came of delivering signals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Executions that rested, and that can run now.
    pub runnable: Vec<super::execution::Runnable>,
    /// Executions that a worker has: it must be told.
    pub running: Vec<(OrganizationId, ExecutionId)>,
}

/// An execution that waits for an event of some name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWait {
    /// Rises with every wait: the place to go on from.
    pub position: i64,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Name or pattern.
    pub event: String,
    /// What the event's payload must have, JSON; absent when anything fits as far as is known.
    pub keys: Option<String>,
}
