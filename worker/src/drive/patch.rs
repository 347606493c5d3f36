//! From the machine's words to the columns of the database.

use engine::machine::{Event, Outcome, State, Status};
use store::{Ended, ExecutionResult, ExecutionStatus};

use super::DriveError;

/// The status that a parked execution has in lists.
pub(super) const fn status(status: Status) -> ExecutionStatus {
    match status {
        // Parked before its first step, it waits for a slot or its turn.
        Status::Queued | Status::Waiting => ExecutionStatus::Waiting,
        Status::Running => ExecutionStatus::Running,
        Status::Blocked => ExecutionStatus::Blocked,
        Status::Paused => ExecutionStatus::Paused,
        Status::Cancelled => ExecutionStatus::Cancelled,
        Status::Completed => ExecutionStatus::Completed,
        Status::Failed => ExecutionStatus::Failed,
    }
}

const fn result(outcome: Outcome) -> ExecutionResult {
    match outcome {
        Outcome::Allowed => ExecutionResult::Allowed,
        Outcome::Blocked => ExecutionResult::Blocked,
        Outcome::Executed => ExecutionResult::Executed,
        Outcome::Failed => ExecutionResult::Failed,
    }
}

/// How it ended.
pub(super) fn ended(state: &State) -> Ended {
    Ended {
        status: status(state.status()),
        result: state.result().map(result),
        error_code: state.error().map(|error| error.code.clone()),
        error_message: state.error().map(|error| error.message.clone()),
        failed_step: state.failed_step().map(str::to_owned),
    }
}

/// The decision to be shown from now on, when these events hold one.
pub(super) fn decision(events: &[Event]) -> Result<Option<String>, DriveError> {
    let last = events.iter().rev().find_map(|event| match event {
        Event::Decided(decision) => Some(decision),
        _no_decision => None,
    });
    last.map(|decision| serde_json::to_string(decision).map_err(DriveError::Write)).transpose()
}
