//! Statistics: what a commit adds to them, and what is read of them.
//!
//! A number is counted in a quarter of an hour (a slice), and by the length of time that it took (a bucket), so the
//! same rows are counters and histograms.

use std::collections::BTreeMap;

use ids::WorkflowId;

use super::code::{UnknownCode, codes};
use super::failure::NewFailure;

/// A slice, in milliseconds. Every zone is a multiple of it ahead of UTC, so days and hours of every zone begin with
/// a slice.
pub const SLICE_MS: i64 = 15 * 60 * 1_000;

/// The slice that a moment lies in.
#[must_use]
pub fn slice_of(at_ms: i64) -> i32 {
    i32::try_from(at_ms.div_euclid(SLICE_MS)).unwrap_or(if at_ms < 0 { i32::MIN } else { i32::MAX })
}

codes! {
    /// What is counted.
    Measured, "measure", {
        /// An execution was taken up for the first time; with how long it had been accepted by then.
        Started = 0,
        /// An execution ended well, without a decision; this and the other ends with the time since it was started.
        Executed = 1,
        /// An execution ended well and allowed.
        Allowed = 2,
        /// An execution ended well and blocked.
        Blocked = 3,
        /// An execution failed.
        Failed = 4,
        /// An execution was ended by hand.
        Cancelled = 5,
        /// A step was done; with the time since its first attempt.
        StepSucceeded = 10,
        /// A step failed for good; with the time since its first attempt.
        StepFailed = 11,
        /// An attempt of a step failed and another followed.
        StepRetried = 12,
        /// People were asked for an approval.
        ApprovalRequested = 20,
        /// An approval was granted; this and the other ends with the time since it was asked for.
        ApprovalApproved = 21,
        /// An approval was refused.
        ApprovalRejected = 22,
        /// An approval was not decided in time.
        ApprovalExpired = 23,
        /// An execution failed for a cause, whose fingerprint stands for the step; with the moment instead of a time.
        Caused = 30,
    }
}

impl Measured {
    /// The ways in which executions end.
    pub const ENDS: [Self; 5] = [Self::Executed, Self::Allowed, Self::Blocked, Self::Failed, Self::Cancelled];
    /// What is counted of whole executions.
    pub const OF_EXECUTIONS: [Self; 6] =
        [Self::Started, Self::Executed, Self::Allowed, Self::Blocked, Self::Failed, Self::Cancelled];
    /// What is counted of approvals.
    pub const OF_APPROVALS: [Self; 4] =
        [Self::ApprovalRequested, Self::ApprovalApproved, Self::ApprovalRejected, Self::ApprovalExpired];
    /// What is counted of steps.
    pub const OF_STEPS: [Self; 3] = [Self::StepSucceeded, Self::StepFailed, Self::StepRetried];
}

/// A bucket of lengths of time: from a moment on, a quarter as wide as where it begins, or narrower.
///
/// Below four milliseconds each has its own; from there on, each doubling is divided into four. So the middle of a
/// bucket is off by an eighth of the true length at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(i16);

impl Bucket {
    /// Of what took no time, or an unknown one.
    pub const NONE: Self = Self(-1);

    /// The bucket of a length of time.
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        let ms = ms.max(0);
        if ms < 4 {
            return Self(i16::try_from(ms).unwrap_or_default());
        }
        let doublings = ms.ilog2();
        let quarter = (ms >> (doublings - 2)) & 3;
        Self(i16::try_from(i64::from(doublings - 1) * 4 + quarter).unwrap_or(i16::MAX))
    }

    /// Its number in the database.
    #[must_use]
    pub const fn code(self) -> i16 {
        self.0
    }

    /// The length in the middle, in milliseconds; none when there is no time in it.
    #[must_use]
    pub fn middle_ms(self) -> Option<i64> {
        let number = i64::from(u16::try_from(self.0).ok()?);
        if number < 4 {
            return Some(number);
        }
        let shift = u32::try_from(number / 4 - 1).ok()?;
        let begins = (4 + number % 4).checked_shl(shift).filter(|begins| *begins > 0).unwrap_or(i64::MAX);
        let width = 1_i64.checked_shl(shift).unwrap_or(i64::MAX);
        Some(begins.saturating_add((width - 1) / 2))
    }
}

impl From<i16> for Bucket {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

/// How many, and how long they took together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: i64,
    /// How long they took together, in milliseconds.
    pub total_ms: i64,
    /// The shortest, in milliseconds.
    pub least_ms: i64,
    /// The longest, in milliseconds.
    pub most_ms: i64,
}

impl Sum {
    /// One that took so long.
    #[must_use]
    pub const fn one(ms: i64) -> Self {
        Self { count: 1, total_ms: ms, least_ms: ms, most_ms: ms }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            total_ms: self.total_ms.saturating_add(other.total_ms),
            least_ms: self.least_ms.min(other.least_ms),
            most_ms: self.most_ms.max(other.most_ms),
        }
    }
}

/// What a commit adds to the statistics of its workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    counts: BTreeMap<(Measured, String, Bucket), Sum>,
    failure: Option<NewFailure>,
}

impl Measures {
    /// Counts something of the execution as a whole; without a time when it is not known.
    pub fn count(&mut self, what: Measured, ms: Option<i64>) {
        self.count_step(what, "", ms);
    }

    /// Counts something of a step.
    pub fn count_step(&mut self, what: Measured, step: &str, ms: Option<i64>) {
        let ms = ms.map(|ms| ms.max(0));
        let sum = Sum::one(ms.unwrap_or(0));
        let bucket = ms.map_or(Bucket::NONE, Bucket::of_ms);
        self.counts.entry((what, step.to_owned(), bucket)).and_modify(|known| *known = known.and(sum)).or_insert(sum);
    }

    /// Counts the cause of a failure, at a moment in Unix milliseconds.
    pub fn fail(&mut self, failure: NewFailure, at_ms: i64) {
        let seen = Sum { total_ms: 0, ..Sum::one(at_ms) };
        self.counts.insert((Measured::Caused, failure.fingerprint.clone(), Bucket::NONE), seen);
        self.failure = Some(failure);
    }

    /// The cause of the failure, if it failed.
    #[must_use]
    pub const fn failure(&self) -> Option<&NewFailure> {
        self.failure.as_ref()
    }

    /// What is counted, of which step, in which bucket, and how much.
    pub fn iter(&self) -> impl Iterator<Item = (Measured, &str, Bucket, Sum)> {
        self.counts.iter().map(|((what, step, bucket), sum)| (*what, step.as_str(), *bucket, *sum))
    }
}

/// Which numbers are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupQuery {
    /// From this slice on.
    pub from: i32,
    /// Before this slice.
    pub to: i32,
    /// Of these workflows; of all when absent.
    pub workflows: Option<Vec<WorkflowId>>,
    /// Of workflows in one of these folders or below; of all when absent.
    pub folders: Option<Vec<String>>,
    /// Of these steps; of all when absent.
    pub steps: Option<Vec<(WorkflowId, String)>>,
    /// What.
    pub what: Vec<Measured>,
    /// Told apart by what.
    pub by: RollupBy,
}

/// By what numbers are told apart, beside what they count and their buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollupBy {
    /// By nothing else.
    Nothing,
    /// By time: parts of so many slices, the first one with the first slice.
    Time {
        /// Slices in a part.
        width: i32,
    },
    /// By workflow.
    Workflow,
    /// By step of a workflow.
    Step,
}

/// Some of the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    /// The part of time, from 0; 0 when they are not told apart by it.
    pub part: i32,
    /// The workflow, when they are told apart by it.
    pub workflow: Option<WorkflowId>,
    /// The step; empty when they are not told apart by it.
    pub step: String,
    /// What is counted.
    pub what: Measured,
    /// Of which lengths of time.
    pub bucket: Bucket,
    /// How many.
    pub sum: Sum,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        let mut last = Bucket::of_ms(0);
        for ms in 1..100_000 {
            let next = Bucket::of_ms(ms);
            assert!(next == last || next.code() == last.code() + 1, "at {ms} ms");
            last = next;
        }
        assert_eq!(Bucket::of_ms(-5), Bucket::of_ms(0));
        assert_eq!(Bucket::NONE.middle_ms(), None);
    }

    proptest! {
        #[test]
        fn the_middle_of_a_bucket_is_off_by_an_eighth_at_most(ms in 0..i64::MAX) {
            let middle = Bucket::of_ms(ms).middle_ms().unwrap();
            prop_assert!(middle.abs_diff(ms) <= ms.unsigned_abs() / 8, "{ms} is told as {middle}");
            prop_assert_eq!(Bucket::of_ms(middle), Bucket::of_ms(ms));
        }
    }

    #[test]
    fn what_is_counted_twice_is_one_row_with_both() {
        let mut measures = Measures::default();
        measures.count_step(Measured::StepSucceeded, "charge", Some(100));
        measures.count_step(Measured::StepSucceeded, "charge", Some(101));
        measures.count_step(Measured::StepRetried, "charge", None);
        let rows: Vec<_> = measures.iter().collect();
        let both = Sum { count: 2, total_ms: 201, least_ms: 100, most_ms: 101 };
        let expected = [
            (Measured::StepSucceeded, "charge", Bucket::of_ms(100), both),
            (Measured::StepRetried, "charge", Bucket::NONE, Sum::one(0)),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_slice_begins_with_every_quarter_of_an_hour() {
        assert_eq!([slice_of(0), slice_of(SLICE_MS - 1), slice_of(SLICE_MS), slice_of(-1)], [0, 0, 1, -1]);
        assert_eq!(slice_of(i64::MAX), i32::MAX);
    }
}
