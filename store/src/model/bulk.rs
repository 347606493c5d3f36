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
        /// It is started, from an item of the operation.
        Start = 8,
    }
}

codes! {
    /// What came of an item that a bulk operation starts.
    BulkItemStatus, "status of an item of a bulk operation", {
        /// Nothing yet.
        Open = 0,
        /// It became an execution, or would become one.
        Started = 1,
        /// Its key stood for an execution that was there.
        Found = 2,
        /// It could not be started.
        Refused = 3,
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
    /// Which; of an item that was not started, the one that it would have become.
    pub execution_id: ExecutionId,
    /// Of a start: the number of the item.
    pub item: Option<i64>,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// An item that a bulk operation starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItemRow {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The bulk operation.
    pub operation_id: BulkOperationId,
    /// Its place among the items of the operation, from 0.
    pub number: i64,
    /// The execution: the one that it becomes, or the one that its key stood for.
    pub execution_id: ExecutionId,
    /// What came of it.
    pub status: BulkItemStatus,
    /// What to start, JSON; absent once something came of it.
    pub start: Option<String>,
    /// Why it was refused, for programs.
    pub code: Option<String>,
    /// Why it was refused, for people.
    pub message: Option<String>,
}

/// An item on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulkItem {
    /// The execution that it becomes.
    pub execution_id: ExecutionId,
    /// What to start, JSON.
    pub start: String,
}

/// Items for a bulk operation that takes some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulkItems {
    /// Number of the first of them: so many were given before.
    pub from: i64,
    /// They.
    pub items: Vec<NewBulkItem>,
    /// No more come, and the work begins.
    pub is_last: bool,
    /// Items that the operation has at most.
    pub most: i64,
    /// When this is, Unix milliseconds.
    pub at_ms: i64,
}

/// What became of items that were given to a bulk operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAdding {
    /// Those that were not there are now.
    Added,
    /// All of them were there.
    Known,
    /// Others are missing before them.
    Gap,
    /// They are too many.
    Full,
    /// It takes no more.
    Closed,
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
    /// What came of items that are started.
    pub results: Vec<BulkItemRow>,
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
