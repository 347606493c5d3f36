//! The journal: one row per commit of an execution.

use ids::ExecutionId;

/// What one commit decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The execution.
    pub execution_id: ExecutionId,
    /// 1, 2, 3 … without gaps in each execution.
    pub seq: i32,
    /// Epoch of the claim that wrote it; 0 for the start.
    pub epoch: i32,
    /// Events, a JSON list.
    pub events: String,
    /// When it was written, Unix milliseconds.
    pub at_ms: i64,
}
