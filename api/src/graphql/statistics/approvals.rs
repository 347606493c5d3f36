//! Numbers about approvals.

use async_graphql::SimpleObject;
use service::statistics::Numbers;
use store::Measured;

use super::durations::DurationStatistics;
use crate::graphql::scalars::int;

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
        Self {
            requested: int(numbers.of(Measured::ApprovalRequested)),
            approved: int(numbers.of(Measured::ApprovalApproved)),
            rejected: int(numbers.of(Measured::ApprovalRejected)),
            expired: int(numbers.of(Measured::ApprovalExpired)),
            pending: int(pending),
            overdue: int(overdue),
            decision_time: DurationStatistics(numbers.decision_time),
        }
    }
}
