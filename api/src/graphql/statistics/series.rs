//! Numbers over time.

use async_graphql::{Enum, Object};
use service::statistics::{Point, Width};
use store::Measured;

use super::durations::percentile;
use crate::graphql::scalars::{DateTime, Duration, int};

/// Widths of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Bucket {
    /// A quarter of an hour.
    QuarterHour,
    /// An hour.
    Hour,
    /// A day in the given zone.
    Day,
    /// A week from Monday.
    Week,
}

impl From<Bucket> for Width {
    fn from(bucket: Bucket) -> Self {
        match bucket {
            Bucket::QuarterHour => Self::QuarterHour,
            Bucket::Hour => Self::Hour,
            Bucket::Day => Self::Day,
            Bucket::Week => Self::Week,
        }
    }
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct StatisticsPoint(pub(super) Point);

/// One bucket.
#[Object]
impl StatisticsPoint {
    /// Start of the bucket; the first one may begin before the window, and has what is in the window.
    async fn at(&self) -> DateTime {
        DateTime::from_ms(self.0.at_ms)
    }

    /// Started.
    async fn started(&self) -> i32 {
        int(self.0.numbers.of(Measured::Started))
    }

    /// Completed.
    async fn completed(&self) -> i32 {
        int(self.0.numbers.completed())
    }

    /// Failed.
    async fn failed(&self) -> i32 {
        int(self.0.numbers.of(Measured::Failed))
    }

    /// Cancelled.
    async fn cancelled(&self) -> i32 {
        int(self.0.numbers.of(Measured::Cancelled))
    }

    /// Decided allow.
    async fn allowed(&self) -> i32 {
        int(self.0.numbers.of(Measured::Allowed))
    }

    /// Decided block.
    async fn blocked(&self) -> i32 {
        int(self.0.numbers.of(Measured::Blocked))
    }

    /// Median duration.
    async fn p50(&self) -> Option<Duration> {
        percentile(&self.0.numbers.duration, 50)
    }

    /// 95th percentile of the duration.
    async fn p95(&self) -> Option<Duration> {
        percentile(&self.0.numbers.duration, 95)
    }
}
