//! What each kind of patch puts into the columns.

use crate::model::execution::{ExecutionResult, ExecutionStatus, Patch, WaitRow};

/// The columns that a patch decides.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    pub status: i16,
    pub state: Option<&'a str>,
    pub result: Option<i16>,
    pub error_code: Option<&'a str>,
    pub error_message: Option<&'a str>,
    pub failed_step: Option<&'a str>,
    pub wake_at_ms: Option<i64>,
    pub paused_at_ms: Option<i64>,
    pub waits: &'a [WaitRow],
}

impl<'a> Columns<'a> {
    pub fn of(patch: &'a Patch) -> Self {
        let in_status = |status: ExecutionStatus, state: Option<&'a str>| Self {
            status: status.code(),
            state,
            result: None,
            error_code: None,
            error_message: None,
            failed_step: None,
            wake_at_ms: None,
            paused_at_ms: None,
            waits: &[],
        };
        match patch {
            Patch::Running { state, waits } => Self { waits, ..in_status(ExecutionStatus::Running, state.as_deref()) },
            Patch::Released { state } => in_status(ExecutionStatus::Queued, Some(state)),
            Patch::Parked { status, state, waits, wake_at_ms, paused_at_ms } => {
                Self { wake_at_ms: *wake_at_ms, paused_at_ms: *paused_at_ms, waits, ..in_status(*status, Some(state)) }
            }
            Patch::Ended(ended) => Self {
                result: ended.result.map(ExecutionResult::code),
                error_code: ended.error_code.as_deref(),
                error_message: ended.error_message.as_deref(),
                failed_step: ended.failed_step.as_deref(),
                ..in_status(ended.status, None)
            },
        }
    }
}
