//! Lengths of time that were measured.

use std::time::Duration as StdDuration;

use async_graphql::Object;
use service::statistics::Durations;

use crate::graphql::scalars::{Duration, int};

/// Durations.
#[derive(Debug, Clone)]
pub struct DurationStatistics(pub(super) Durations);

fn length(ms: Option<i64>) -> Option<Duration> {
    ms.map(|ms| Duration(StdDuration::from_millis(u64::try_from(ms).unwrap_or(0))))
}

/// The length that `percent` of them do not exceed.
pub(super) fn percentile(durations: &Durations, percent: u8) -> Option<Duration> {
    length(durations.percentile_ms(percent))
}

/// Durations. Percentiles are off by an eighth at most; the other numbers are exact.
#[Object]
impl DurationStatistics {
    /// How many were measured.
    async fn count(&self) -> i32 {
        int(self.0.count())
    }

    /// Mean.
    async fn average(&self) -> Option<Duration> {
        length(self.0.average_ms())
    }

    /// Shortest.
    async fn minimum(&self) -> Option<Duration> {
        length(self.0.minimum_ms())
    }

    /// Longest.
    async fn maximum(&self) -> Option<Duration> {
        length(self.0.maximum_ms())
    }

    /// Median.
    async fn p50(&self) -> Option<Duration> {
        percentile(&self.0, 50)
    }

    /// 95th percentile.
    async fn p95(&self) -> Option<Duration> {
        percentile(&self.0, 95)
    }

    /// 99th percentile.
    async fn p99(&self) -> Option<Duration> {
        percentile(&self.0, 99)
    }
}
