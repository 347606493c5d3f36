//! Changes of executions in the order in which they were committed, for live lists.

use ids::ExecutionId;
use serde::{Deserialize, Serialize};

/// A place in the changes of an organization: everything before it has been seen.
///
/// PostgreSQL numbers rows before it commits them, so a row number alone would skip what commits
/// late: there, the order is by transaction first, and only transactions older than every open one
/// are shown. SQLite has one writer: there, the row number is enough and `transaction` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeCursor {
    #[serde(rename = "x")]
    pub(crate) transaction: u64,
    #[serde(rename = "p")]
    pub(crate) position: i64,
}

/// One change of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Place right after this change.
    pub cursor: ChangeCursor,
    /// What changed.
    pub execution_id: ExecutionId,
    /// Number of the journal row.
    pub seq: i32,
}
