//! Numbers that were counted: how many, how long, what share.

use std::collections::BTreeMap;

use store::{Bucket, Measured, RollupRow, Sum};

/// How long things took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    buckets: BTreeMap<Bucket, i64>,
    sum: Option<Sum>,
}

impl Durations {
    fn add(&mut self, bucket: Bucket, sum: Sum) {
        // What has no time is no part of them.
        if bucket.middle_ms().is_none() {
            return;
        }
        *self.buckets.entry(bucket).or_default() += sum.count;
        self.sum = Some(self.sum.map_or(sum, |known| known.and(sum)));
    }

    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.sum.map_or(0, |sum| sum.count)
    }

    /// The mean, in milliseconds.
    #[must_use]
    pub fn average_ms(&self) -> Option<i64> {
        self.sum.and_then(|sum| sum.total_ms.checked_div(sum.count))
    }

    /// The shortest, in milliseconds.
    #[must_use]
    pub fn minimum_ms(&self) -> Option<i64> {
        self.sum.map(|sum| sum.least_ms)
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub fn maximum_ms(&self) -> Option<i64> {
        self.sum.map(|sum| sum.most_ms)
    }

    /// The length that `percent` of them do not exceed, in milliseconds; off by an eighth at most.
    #[must_use]
    pub fn percentile_ms(&self, percent: u8) -> Option<i64> {
        let sum = self.sum?;
        let rank = sum.count.saturating_mul(i64::from(percent)).saturating_add(99) / 100;
        let mut passed = 0;
        for (bucket, count) in &self.buckets {
            passed += count;
            if passed >= rank {
                return bucket.middle_ms().map(|middle| middle.clamp(sum.least_ms, sum.most_ms));
            }
        }
        Some(sum.most_ms)
    }
}

/// What was counted of executions or of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    counts: BTreeMap<Measured, i64>,
    /// From start to end: of executions, or of steps.
    pub duration: Durations,
    /// From acceptance to start.
    pub queue_wait: Durations,
    /// From asking for an approval to the decision of people.
    pub decision_time: Durations,
}

impl Numbers {
    pub(super) fn add(&mut self, row: &RollupRow) {
        *self.counts.entry(row.what).or_default() += row.sum.count;
        match row.what {
            Measured::Started => self.queue_wait.add(row.bucket, row.sum),
            Measured::Executed
            | Measured::Allowed
            | Measured::Blocked
            | Measured::Failed
            | Measured::Cancelled
            | Measured::StepSucceeded
            | Measured::StepFailed => self.duration.add(row.bucket, row.sum),
            Measured::ApprovalApproved | Measured::ApprovalRejected => self.decision_time.add(row.bucket, row.sum),
            Measured::ApprovalRequested | Measured::ApprovalExpired | Measured::StepRetried | Measured::Caused => {}
        }
    }

    /// How many of one sort.
    #[must_use]
    pub fn of(&self, what: Measured) -> i64 {
        self.counts.get(&what).copied().unwrap_or_default()
    }

    /// How many ended well.
    #[must_use]
    pub fn completed(&self) -> i64 {
        self.of(Measured::Executed) + self.of(Measured::Allowed) + self.of(Measured::Blocked)
    }

    /// How many ended.
    #[must_use]
    pub fn ended(&self) -> i64 {
        Measured::ENDS.iter().map(|what| self.of(*what)).sum()
    }

    /// The share that ended well; none when none ended.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        share(self.completed(), self.ended())
    }

    /// The share that failed; none when none ended.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        share(self.of(Measured::Failed), self.ended())
    }
}

fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(lengths: impl IntoIterator<Item = i64>) -> Durations {
        let mut durations = Durations::default();
        for ms in lengths {
            durations.add(Bucket::of_ms(ms), Sum::one(ms));
        }
        durations
    }

    #[test]
    fn percentiles_are_off_by_an_eighth_at_most() {
        let all = durations(1..=1_000);
        for (percent, truth) in [(1, 10), (50, 500), (95, 950), (99, 990), (100, 1_000)] {
            let told = all.percentile_ms(percent).unwrap();
            assert!((told - truth).abs() * 8 <= truth, "p{percent} of 1 to 1000 ms is told as {told} ms");
        }
        let ends = (all.count(), all.minimum_ms(), all.maximum_ms(), all.average_ms());
        assert_eq!(ends, (1_000, Some(1), Some(1_000), Some(500)));
    }

    #[test]
    fn of_one_alone_all_percentiles_are_its_length() {
        let one = durations([777]);
        assert_eq!([50, 95, 99].map(|percent| one.percentile_ms(percent)), [Some(777); 3]);
    }

    #[test]
    fn of_nothing_there_is_no_length_and_no_share() {
        let mut nothing = durations([]);
        nothing.add(Bucket::NONE, Sum::one(0));
        assert_eq!((nothing.count(), nothing.average_ms(), nothing.percentile_ms(50)), (0, None, None));
        assert_eq!((Numbers::default().success_rate(), Numbers::default().ended()), (None, 0));
    }
}
