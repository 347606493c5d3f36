//! Turns of executions and calls whose number in a time is limited.

use std::time::Duration;

use ids::{OrganizationId, WorkflowId};

/// What shares the turns of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateScope {
    /// Executions of one workflow.
    Workflow(WorkflowId),
    /// Calls of the organization to one service.
    Service,
}

/// What takes turns with each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateKey {
    /// Whose they are: no organization takes turns of another.
    pub organization_id: OrganizationId,
    /// Of what.
    pub scope: RateScope,
    /// The rendered key of the workflow, or the host of the service.
    pub key: String,
}

/// How many turns there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pace {
    /// Time between two turns, in microseconds.
    interval_us: i64,
    /// How many may be taken at once after a quiet time.
    burst: u32,
}

impl Pace {
    /// `limit` turns in each `per`; `burst` of them at once after a quiet time. Of both, zero counts as one.
    #[must_use]
    pub fn new(limit: u32, per: Duration, burst: u32) -> Self {
        // Rounded up, so that there are never more than the limit.
        let interval = per.as_micros().div_ceil(u128::from(limit.max(1))).max(1);
        Self { interval_us: i64::try_from(interval).unwrap_or(i64::MAX), burst: burst.max(1) }
    }

    /// Time between two turns, in microseconds.
    #[must_use]
    pub const fn interval_us(&self) -> i64 {
        self.interval_us
    }

    /// How much earlier than evenly spread a turn may be, in microseconds.
    #[must_use]
    pub fn tolerance_us(&self) -> i64 {
        self.interval_us.saturating_mul(i64::from(self.burst - 1))
    }
}
