//! Slots of workflows that limit how many of their executions may be under way.

use ids::{ExecutionId, OrganizationId, WorkflowId};

/// What executions share slots by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotKey {
    /// Their workflow.
    pub workflow_id: WorkflowId,
    /// The rendered key; empty when all of them share the slots.
    pub key: String,
}

/// An execution that needs a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSlot {
    /// Which.
    pub execution_id: ExecutionId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What it shares slots by.
    pub key: SlotKey,
    /// 0 to 9; higher goes first.
    pub priority: i16,
    /// How many there are, as its version says.
    pub slots: i32,
}

/// What asking for a slot came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotTaken {
    /// It has one.
    pub is_taken: bool,
    /// How many were held before it asked.
    pub held: u64,
    /// If it has none: those of its key that were accepted before it, oldest first, at most a thousand.
    pub before: Vec<(OrganizationId, ExecutionId)>,
    /// Others that got a slot meanwhile; they want to be told.
    pub given: Vec<ExecutionId>,
}
