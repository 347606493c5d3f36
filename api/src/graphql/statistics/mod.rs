//! Numbers about executions, and about what happened in a part of time.

mod approvals;
mod counts;
mod durations;
mod live;
mod object;
mod queries;
mod series;

pub use live::StatisticsSubscription;
pub use queries::{StatisticsFilter, StatisticsQuery};
