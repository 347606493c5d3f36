//! What this process knows of one key.

use std::time::Duration;

use tokio::time::Instant;

use super::bucket::{Bucket, verdict};
use super::redis::SharedBuckets;
use super::{Rate, Verdict};

/// A slice is what comes into the bucket in this time …
const SLICE: Duration = Duration::from_millis(250);
/// … and at most this part of a full one.
const LARGEST_SLICE: u32 = 20;
/// How long a slice may be spent.
const LIFE: Duration = Duration::from_secs(10);

/// A bucket of our own, and our slice of the shared one.
#[derive(Debug)]
pub(super) struct Slot {
    /// Counts alone in memory, and while Redis is away.
    own: Bucket,
    /// Points of the slice that are left.
    left: u32,
    /// When the slice was taken.
    taken_at: Instant,
    /// What was left in the shared bucket then.
    seen: u32,
    /// Until when Redis need not be asked for so many points: it would refuse them.
    refused: Option<(Instant, u32)>,
}

impl Slot {
    pub fn new(rate: Rate) -> Self {
        Self { own: Bucket::full(rate), left: 0, taken_at: Instant::now(), seen: rate.points, refused: None }
    }

    pub fn take_own(&mut self, rate: Rate, cost: u32) -> Verdict {
        self.own.take(rate, cost)
    }

    pub async fn take_shared(&mut self, shared: &SharedBuckets, key: &str, rate: Rate, cost: u32) -> Verdict {
        let now = Instant::now();
        if now - self.taken_at > LIFE {
            self.left = 0;
        }
        if let Some(left) = self.left.checked_sub(cost) {
            self.left = left;
            return self.verdict(rate, true, cost);
        }
        if let Some((until, points)) = self.refused {
            if now < until && cost >= points {
                return Verdict { retry_after: until - now, ..self.verdict(rate, false, cost) };
            }
            self.refused = None;
        }
        let missing = cost - self.left;
        let Some(grant) = shared.take(key, rate, missing, missing.max(slice(rate))).await else {
            metrics::counter!("sluice_rate_limit_fallbacks_total").increment(1);
            return self.own.take(rate, cost);
        };
        self.taken_at = now;
        self.seen = grant.remaining;
        if grant.points < missing {
            let refused = self.verdict(rate, false, cost);
            self.refused = Some((now + refused.retry_after, cost));
            return refused;
        }
        self.left = self.left + grant.points - cost;
        self.verdict(rate, true, cost)
    }

    fn verdict(&self, rate: Rate, is_admitted: bool, cost: u32) -> Verdict {
        verdict(rate, is_admitted, f64::from(self.seen) + f64::from(self.left), f64::from(cost))
    }
}

fn slice(rate: Rate) -> u32 {
    let came = rate.per_ms() * SLICE.as_secs_f64() * 1_000.0;
    let most = f64::from(rate.points / LARGEST_SLICE);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a u32")]
    let points = came.min(most) as u32;
    points.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_a_small_part_of_what_comes_and_of_what_fits() {
        let slice_of = |points, seconds| slice(Rate { points, period: Duration::from_secs(seconds) });
        assert_eq!(slice_of(100_000, 1), 5_000);
        assert_eq!(slice_of(6_000, 60), 25);
        assert_eq!(slice_of(10, 60), 1);
    }
}
