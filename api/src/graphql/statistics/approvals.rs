//! Numbers about approvals.

use async_graphql::SimpleObject;
use service::statistics::Numbers;
use store::Measured;

use super::durations::{DurationStatistics, number};

/// Numbers about approvals.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalStatistics {
    /// Opened in the window.
    requested: i32,
    /// Granted in the window.
    approved: i32,
    /// Refused in the window.
    rejected: i32,
    /// Not decided in time, in the window.
    expired: i32,
    /// Open now, counted up to 10,000.
    pending: i32,
    /// Open and past due now, counted up to 10,000.
    overdue: i32,
    /// From opening to the decision of people.
    decision_time: DurationStatistics,
}

impl ApprovalStatistics {
    pub(super) fn of(numbers: Numbers, pending: u64, overdue: u64) -> Self {
        let now = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            requested: number(numbers.of(Measured::ApprovalRequested)),
            approved: number(numbers.of(Measured::ApprovalApproved)),
            rejected: number(numbers.of(Measured::ApprovalRejected)),
            expired: number(numbers.of(Measured::ApprovalExpired)),
            pending: now(pending),
            overdue: now(overdue),
            decision_time: DurationStatistics(numbers.decision_time),
        }
    }
}
