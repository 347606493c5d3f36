//! Work on many executions in the background.

use ids::{BulkOperationId, ExecutionId, OrganizationId};

use super::code::{UnknownCode, codes};
use super::ruling::{Relocation, Ruling, RulingWritten};
use super::signal::NewSignal;

codes! {
    /// What is done with each execution.
    BulkKind, "kind of a bulk operation", {
        /// It is asked to stop.
        Cancel = 0,
        /// It is held.
        Pause = 1,
        /// It goes on, when it is held.
        Resume = 2,
        /// It goes on from where it failed.
        Retry = 3,
        /// It is ended at once, whether a worker answers or not.
        Terminate = 4,
        /// A new one repeats it.
        Rerun = 5,
        /// It goes on with another version.
        Migrate = 6,
        /// It is removed with its history, when it has ended.
        Delete = 7,
    }
}

codes! {
    /// Where a bulk operation stands.
    BulkStatus, "status of a bulk operation", {
        /// Its executions are being counted.
        Pending = 0,
        /// It is at work.
        Running = 1,
        /// Somebody holds it.
        Paused = 2,
        /// It has passed every execution.
        Completed = 3,
        /// Somebody stopped it.
        Cancelled = 4,
        /// It could not go on.
        Failed = 5,
    }
}

impl BulkStatus {
    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

/// Work on many executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkOperationRow {
    /// Its id.
    pub id: BulkOperationId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// What is done.
    pub kind: BulkKind,
    /// Where it stands.
    pub status: BulkStatus,
    /// Which executions, an [`crate::ExecutionFilter`] as JSON.
    pub filter: String,
    /// What the kind needs beside, JSON.
    pub arguments: Option<String>,
    /// Why.
    pub reason: String,
    /// Nothing is changed, only counted and checked.
    pub is_dry_run: bool,
    /// Executions in a second at most.
    pub rate_per_second: i32,
    /// Who asked for it.
    pub created_by: String,
    /// Whose rights it has, JSON.
    pub acts_as: String,
    /// Executions that fitted when they were counted.
    pub total: i64,
    /// The total is known, and the work has begun.
    pub is_counted: bool,
    /// Executions that were changed, or would be.
    pub succeeded: i64,
    /// Executions that could not be changed.
    pub failed: i64,
    /// Executions with which nothing was to be done.
    pub skipped: i64,
    /// The last execution that the present walk has passed.
    pub position: Option<ExecutionId>,
    /// Number of its last claim.
    pub epoch: i32,
    /// Until when whoever claimed it is at work, Unix milliseconds; 0 when nobody is.
    pub lease_until_ms: i64,
    /// When it goes on, Unix milliseconds; absent when it does not.
    pub due_at_ms: Option<i64>,
    /// Why it could not go on.
    pub status_reason: Option<String>,
    /// When it was accepted, Unix milliseconds: executions that came later are not its own.
    pub created_at_ms: i64,
    /// When it ended, Unix milliseconds.
    pub ended_at_ms: Option<i64>,
}

/// An execution that could not be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkFailureRow {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The bulk operation.
    pub operation_id: BulkOperationId,
    /// Which.
    pub execution_id: ExecutionId,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// A part of a bulk operation: what is written with it, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPart {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The bulk operation.
    pub operation_id: BulkOperationId,
    /// Number of the claim under which it is written.
    pub epoch: i32,
    /// What executions are told; to be delivered afterwards.
    pub sends: Vec<NewSignal>,
    /// What is decided over executions that no worker has; in the order of their ids. One that is not written counts
    /// as skipped, unless the execution is told something too.
    pub rulings: Vec<Ruling>,
    /// Executions that go on with another version, in the order of their ids, each with what is kept when it cannot.
    pub relocations: Vec<(Relocation, BulkFailureRow)>,
    /// Executions that are removed; one that goes on, or is gone, counts as skipped.
    pub deletions: Vec<ExecutionId>,
    /// What counts as changed is so already, once whoever repeats it: so this is written, too, when somebody held or
    /// stopped the operation meanwhile, which stays so.
    pub has_happened: bool,
    /// Executions that could not be changed; all of them count, and only so many are kept.
    pub failures: Vec<BulkFailureRow>,
    /// Executions counted.
    pub counted: i64,
    /// Executions changed, those of `rulings`, `relocations` and `deletions` included.
    pub succeeded: i64,
    /// Executions with which nothing was to be done.
    pub skipped: i64,
    /// The last execution passed; absent when the next walk begins.
    pub position: Option<ExecutionId>,
    /// The total is known.
    pub is_counted: bool,
    /// Where the operation stands afterwards.
    pub status: BulkStatus,
    /// Why it could not go on.
    pub status_reason: Option<String>,
    /// When it goes on, Unix milliseconds; absent when it has ended.
    pub due_at_ms: Option<i64>,
    /// When this is, Unix milliseconds.
    pub at_ms: i64,
}

/// A part of a bulk operation that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkWritten {
    /// The operation as it is now.
    pub operation: BulkOperationRow,
    /// What came of each ruling; none for an execution that was changed by somebody else at the same moment.
    pub rulings: Vec<Option<RulingWritten>>,
    /// The journal row of each relocation; none for an execution that went on at the same moment.
    pub relocations: Vec<Option<i32>>,
    /// Which of `deletions` are gone with it, in the order of their ids.
    pub deleted: Vec<ExecutionId>,
}
