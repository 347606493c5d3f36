//! What the kinds of bulk operations need, and where there is something to do for them.

use store::{BulkKind, ExecutionStatus};

use crate::executions::may_rerun;
use crate::viewer::{Forbidden, Permission, Viewer};

use super::start::Arguments;

/// Executions whose journals are read at a time.
const READ: u64 = 50;
/// Executions that are told something at a time.
const TOLD: u64 = 500;
/// Executions that are started at a time: few, because each brings its input.
const STARTED: u64 = 100;

const LIVE: &[ExecutionStatus] = &[
    ExecutionStatus::Queued,
    ExecutionStatus::Running,
    ExecutionStatus::Waiting,
    ExecutionStatus::Blocked,
    ExecutionStatus::Paused,
];
const ENDED: &[ExecutionStatus] = &[ExecutionStatus::Completed, ExecutionStatus::Failed, ExecutionStatus::Cancelled];

/// Whether somebody may do this to one execution, and so to many.
pub fn may(viewer: &Viewer, kind: BulkKind, arguments: &Arguments) -> Result<(), Forbidden> {
    if kind == BulkKind::Start {
        return viewer.require(Permission::ExecutionStart);
    }
    viewer.require(Permission::ExecutionControl)?;
    match kind {
        BulkKind::Start
        | BulkKind::Cancel
        | BulkKind::Terminate
        | BulkKind::Pause
        | BulkKind::Resume
        | BulkKind::Retry => Ok(()),
        BulkKind::Rerun => may_rerun(viewer, arguments.from_step.is_some()),
        BulkKind::Migrate | BulkKind::Delete => viewer.require(Permission::ExecutionRepair),
    }
}

/// States in which there is something to do.
pub const fn states(kind: BulkKind) -> &'static [ExecutionStatus] {
    match kind {
        BulkKind::Cancel | BulkKind::Terminate | BulkKind::Migrate => LIVE,
        BulkKind::Pause => {
            &[ExecutionStatus::Queued, ExecutionStatus::Running, ExecutionStatus::Waiting, ExecutionStatus::Blocked]
        }
        BulkKind::Resume => &[ExecutionStatus::Paused],
        BulkKind::Retry => &[ExecutionStatus::Failed],
        BulkKind::Rerun | BulkKind::Delete => ENDED,
        BulkKind::Start => &[],
    }
}

/// Executions that are done in one part.
pub const fn size(kind: BulkKind) -> u64 {
    match kind {
        BulkKind::Cancel | BulkKind::Pause | BulkKind::Resume => TOLD,
        BulkKind::Retry | BulkKind::Terminate | BulkKind::Rerun | BulkKind::Migrate | BulkKind::Delete => READ,
        BulkKind::Start => STARTED,
    }
}

/// As metrics call it.
pub const fn name(kind: BulkKind) -> &'static str {
    match kind {
        BulkKind::Cancel => "cancel",
        BulkKind::Terminate => "terminate",
        BulkKind::Pause => "pause",
        BulkKind::Resume => "resume",
        BulkKind::Retry => "retry",
        BulkKind::Rerun => "rerun",
        BulkKind::Migrate => "migrate",
        BulkKind::Delete => "delete",
        BulkKind::Start => "start",
    }
}
