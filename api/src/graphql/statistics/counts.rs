//! How many there are of each sort.

use async_graphql::SimpleObject;
use service::statistics::Numbers;
use store::{ExecutionStatus as Status, Measured};

use crate::graphql::execution::{DecisionOutcome, ExecutionStatus};
use crate::graphql::scalars::int;

/// Number of executions in a state.
#[derive(Debug, Clone, SimpleObject)]
pub struct StatusCount {
    /// State.
    status: ExecutionStatus,
    /// Number; `executionCounts` counts up to 10,000.
    count: i32,
}

impl StatusCount {
    pub(super) fn new(status: Status, count: i64) -> Self {
        Self { status: status.into(), count: int(count) }
    }

    /// Of what is in each state now.
    pub(super) fn of_states(counts: Vec<(Status, u64)>) -> Vec<Self> {
        counts.into_iter().map(|(status, count)| Self::new(status, i64::try_from(count).unwrap_or(i64::MAX))).collect()
    }

    /// Of what ended.
    pub(super) fn of_ended(numbers: &Numbers) -> Vec<Self> {
        vec![
            Self::new(Status::Completed, numbers.completed()),
            Self::new(Status::Failed, numbers.of(Measured::Failed)),
            Self::new(Status::Cancelled, numbers.of(Measured::Cancelled)),
        ]
    }
}

/// Number of executions with a decision.
#[derive(Debug, Clone, SimpleObject)]
pub struct OutcomeCount {
    /// Decision.
    outcome: DecisionOutcome,
    /// Number.
    count: i32,
}

impl OutcomeCount {
    pub(super) fn of_ended(numbers: &Numbers) -> Vec<Self> {
        let all = [
            (DecisionOutcome::Allowed, Measured::Allowed),
            (DecisionOutcome::Blocked, Measured::Blocked),
            (DecisionOutcome::Executed, Measured::Executed),
        ];
        all.into_iter().map(|(outcome, what)| Self { outcome, count: int(numbers.of(what)) }).collect()
    }
}
