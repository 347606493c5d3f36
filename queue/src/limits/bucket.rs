//! A bucket inside this process.

use std::time::Duration;

use tokio::time::Instant;

use super::{Rate, Verdict};

/// Points, and when they were counted.
#[derive(Debug)]
pub(crate) struct Bucket {
    points: f64,
    at: Instant,
}

impl Bucket {
    pub fn full(rate: Rate) -> Self {
        Self { points: f64::from(rate.points), at: Instant::now() }
    }

    pub fn take(&mut self, rate: Rate, cost: u32) -> Verdict {
        self.refill(rate);
        let cost = f64::from(cost);
        let is_admitted = self.points >= cost;
        if is_admitted {
            self.points -= cost;
        }
        verdict(rate, is_admitted, self.points, cost)
    }

    /// Takes as many whole points as there are, at most `wanted`; returns how many.
    pub fn take_up_to(&mut self, rate: Rate, wanted: u32) -> u32 {
        self.refill(rate);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a u32")]
        let given = (self.points as u32).min(wanted);
        self.points -= f64::from(given);
        given
    }

    fn refill(&mut self, rate: Rate) {
        let now = Instant::now();
        let came = (now - self.at).as_secs_f64() * 1_000.0 * rate.per_ms();
        self.points = (self.points + came).min(f64::from(rate.points));
        self.at = now;
    }
}

/// The verdict over a bucket with so many points left.
pub(super) fn verdict(rate: Rate, is_admitted: bool, points: f64, cost: f64) -> Verdict {
    let points = points.clamp(0.0, f64::from(rate.points));
    let retry_after = if is_admitted { Duration::ZERO } else { rate.time_for(cost - points) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a u32")]
    let remaining = points as u32;
    Verdict { is_admitted, remaining, reset: rate.time_for(f64::from(rate.points) - points), retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_refills_evenly_and_never_beyond_its_size() {
        let rate = Rate { points: 60, period: Duration::from_mins(1) };
        let mut bucket = Bucket::full(rate);
        assert!(bucket.take(rate, 60).is_admitted);
        let refused = bucket.take(rate, 5);
        assert_eq!((refused.is_admitted, refused.retry_after), (false, Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(bucket.take(rate, 5).is_admitted);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(bucket.take(rate, 1).remaining, 59);
    }
}
