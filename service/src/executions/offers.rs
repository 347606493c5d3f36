//! What can be done with an execution now, by this caller, and why not.

use engine::Timestamp;
use engine::machine::MAX_PAUSE;
use store::{ExecutionRow, ExecutionStatus};

use crate::code::Code;
use crate::viewer::{Permission, Viewer};

/// What can be done with an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Ask it to stop.
    Cancel,
    /// Stop it at once.
    Terminate,
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// Try again what failed.
    Retry,
    /// Start a new one from its input.
    Rerun,
    /// Start a new one from one of its steps.
    RerunFromStep,
    /// Go on without a step.
    SkipStep,
    /// Send it a signal.
    Signal,
    /// Change its data.
    EditContext,
    /// Move it to another version.
    Migrate,
    /// Remove it with its history.
    Delete,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Cancel,
        Self::Terminate,
        Self::Pause,
        Self::Resume,
        Self::Retry,
        Self::Rerun,
        Self::RerunFromStep,
        Self::SkipStep,
        Self::Signal,
        Self::EditContext,
        Self::Migrate,
        Self::Delete,
    ];

    const fn needs(self) -> Permission {
        match self {
            Self::Cancel | Self::Terminate | Self::Pause | Self::Resume | Self::Retry | Self::Signal => {
                Permission::ExecutionControl
            }
            Self::Rerun => Permission::ExecutionStart,
            Self::RerunFromStep | Self::SkipStep | Self::EditContext | Self::Migrate | Self::Delete => {
                Permission::ExecutionRepair
            }
        }
    }
}

/// Whether something can be done, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What.
    pub operation: Operation,
    /// The code that it would be refused with, and why; nothing when it can be done.
    pub refusal: Option<(Code, String)>,
}

/// What can be done with an execution as it is in `row`. It may change before somebody does it.
#[must_use]
pub fn offers(viewer: &Viewer, row: &ExecutionRow, now: Timestamp) -> Vec<Offer> {
    Operation::ALL.into_iter().map(|operation| offer(viewer, row, operation, now)).collect()
}

/// Whether one thing can be done with an execution as it is in `row`.
#[must_use]
pub fn offer(viewer: &Viewer, row: &ExecutionRow, operation: Operation, now: Timestamp) -> Offer {
    let permission = operation.needs();
    let refusal = if viewer.permissions.contains(permission) {
        against(row, operation, now).map(|why| (Code::WrongState, why))
    } else {
        Some((Code::Forbidden, format!("this needs the permission {}", permission.name())))
    };
    Offer { operation, refusal }
}

/// What speaks against it.
fn against(row: &ExecutionRow, operation: Operation, now: Timestamp) -> Option<String> {
    let (has_ended, is_paused) = (row.status.is_ended(), row.status == ExecutionStatus::Paused);
    let ended = || Some("the execution has ended".to_owned());
    match operation {
        Operation::Cancel | Operation::Terminate | Operation::Signal | Operation::Pause if has_ended => ended(),
        Operation::Pause if is_paused => Some("the execution is paused already".to_owned()),
        Operation::Resume | Operation::SkipStep | Operation::EditContext | Operation::Migrate if has_ended => ended(),
        Operation::Resume if !is_paused => Some("the execution is not paused".to_owned()),
        Operation::Resume => {
            let is_over = row.paused_at_ms.is_some_and(|since| Timestamp(since).plus(MAX_PAUSE) < now);
            is_over
                .then(|| format!("it was paused for more than {} days, so it can only be cancelled", days(MAX_PAUSE)))
        }
        Operation::Migrate if matches!(row.status, ExecutionStatus::Queued | ExecutionStatus::Running) => {
            Some("the execution is at work; it can move when it rests".to_owned())
        }
        Operation::Retry if row.status != ExecutionStatus::Failed => {
            Some("only an execution that failed can be retried".to_owned())
        }
        Operation::Retry => {
            let is_over = row.deadline_at_ms.is_some_and(|deadline| deadline <= now.0);
            is_over.then(|| "its deadline is over, so it would fail at once".to_owned())
        }
        Operation::Cancel
        | Operation::Terminate
        | Operation::Signal
        | Operation::Pause
        | Operation::SkipStep
        | Operation::EditContext
        | Operation::Migrate
        | Operation::Rerun
        | Operation::RerunFromStep => None,
        Operation::Delete => (!has_ended).then(|| "the execution has not ended".to_owned()),
    }
}

const fn days(length: std::time::Duration) -> u64 {
    length.as_secs() / 86_400
}
