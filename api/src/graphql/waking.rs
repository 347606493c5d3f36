//! Why an execution does not move, and what will move it.

use async_graphql::{Enum, SimpleObject};
use service::operations;

use super::scalars::DateTime;

/// Sorts of wake reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::operations::WakeKind")]
pub enum WakeKind {
    /// A timer.
    Timer,
    /// An awaited event or signal.
    Event,
    /// An approval.
    Approval,
    /// A worker has it.
    Lease,
    /// It is queued.
    Task,
    /// A sub-workflow.
    Child,
    /// A slot or rate.
    Slot,
    /// A held execution.
    Hold,
}

/// A live reason why an execution will move again.
#[derive(Debug, Clone, SimpleObject)]
pub struct WakeReason {
    /// Sort of reason.
    kind: WakeKind,
    /// In words, such as "retry at 2026-11-23T12:04:10.000Z".
    summary: String,
    /// When, if known.
    at: Option<DateTime>,
    /// Step it belongs to.
    step_path: Option<String>,
}

impl From<operations::WakeReason> for WakeReason {
    fn from(reason: operations::WakeReason) -> Self {
        Self {
            kind: reason.kind.into(),
            summary: reason.summary,
            at: reason.at_ms.map(DateTime::from_ms),
            step_path: reason.step_path,
        }
    }
}
