//! Failures of the same cause.

use ids::{ErrorGroupId, ExecutionId, WorkflowId};

use super::code::{UnknownCode, codes};

/// What a failure is told apart by, with an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFailure {
    /// Id of the group, if this is the first of it.
    pub group: ErrorGroupId,
    /// Same for the same cause; within the organization it belongs to one workflow.
    pub fingerprint: String,
    /// Step that failed, as the definition calls it.
    pub step: Option<String>,
    /// Why, for programs.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
}

codes! {
    /// Whether a cause is looked after.
    ErrorGroupStatus, "state of an error group", {
        /// Not looked after.
        Open = 0,
        /// Corrected.
        Resolved = 1,
        /// Not of interest.
        Ignored = 2,
    }
}

/// Failures of the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroupRow {
    /// Its id.
    pub id: ErrorGroupId,
    /// Where.
    pub workflow_id: WorkflowId,
    /// Same for the same cause.
    pub fingerprint: String,
    /// Step that failed, as the definition calls it.
    pub step: Option<String>,
    /// Why, for programs.
    pub code: String,
    /// Why, in a sentence: of the first one.
    pub message: String,
    /// The first one; it may be deleted since.
    pub execution_id: ExecutionId,
    /// Whether it is looked after: what came back after it was resolved is open.
    pub status: ErrorGroupStatus,
    /// How often, in the time that was asked for.
    pub count: i64,
    /// First time ever, Unix milliseconds.
    pub first_seen_at_ms: i64,
    /// Last time in the time that was asked for, Unix milliseconds.
    pub last_seen_at_ms: i64,
}

/// Which failures are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroupQuery {
    /// From this slice on.
    pub from: i32,
    /// Before this slice.
    pub to: i32,
    /// Of these workflows; of all when absent.
    pub workflows: Option<Vec<WorkflowId>>,
    /// Of workflows in one of these folders or below; of all when absent.
    pub folders: Option<Vec<String>>,
    /// Those that are in this state; a resolved one that came back is open. In any state when absent.
    pub status: Option<ErrorGroupStatus>,
}
