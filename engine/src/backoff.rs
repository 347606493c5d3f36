//! Delays between the attempts of a step.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::definition::{Backoff, Retry};

/// Longest delay when the definition states none.
const MAX_DELAY: Duration = Duration::from_hours(1);

/// Longest time that a `Retry-After` answer is honoured for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Delay before attempt `next` (2, 3, …) of a step.
///
/// Constant, linear (`delay * n`) or exponential (`delay * 2^n`), at most `max_delay`. With jitter
/// the delay is uniform between half of it and the whole; `seed` takes the place of chance, so that
/// a replay draws the same delay. A `Retry-After` answer is a lower bound.
#[must_use]
pub fn delay(retry: &Retry, next: u32, retry_after: Option<Duration>, seed: &str) -> Duration {
    let failures = next.saturating_sub(1).max(1);
    let longest = retry.max_delay.unwrap_or(MAX_DELAY);
    let base = match retry.backoff {
        Backoff::Constant => retry.delay,
        Backoff::Linear => retry.delay.saturating_mul(failures),
        Backoff::Exponential => retry.delay.saturating_mul(2_u32.saturating_pow(failures - 1)),
    };
    let capped = base.min(longest);
    let drawn = if retry.jitter { capped.mul_f64(0.5 + unit(seed, next) / 2.0) } else { capped };
    drawn.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

/// A number in `0.0..1.0` that only depends on its arguments.
fn unit(seed: &str, next: u32) -> f64 {
    let digest = Sha256::new().chain_update(seed).chain_update(next.to_le_bytes()).finalize();
    let mut high = [0; 4];
    high.copy_from_slice(&digest[..4]);
    f64::from(u32::from_le_bytes(high)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(backoff: Backoff, jitter: bool) -> Retry {
        Retry {
            max_attempts: 9,
            backoff,
            delay: Duration::from_secs(1),
            max_delay: Some(Duration::from_secs(10)),
            jitter,
            retry_on: Vec::new(),
        }
    }

    #[test]
    fn exponential_delays_double_until_the_longest() {
        let delays: Vec<u64> =
            (2..8).map(|next| delay(&retry(Backoff::Exponential, false), next, None, "e").as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
        let linear: Vec<u64> =
            (2..5).map(|next| delay(&retry(Backoff::Linear, false), next, None, "e").as_secs()).collect();
        assert_eq!(linear, [1, 2, 3]);
        assert_eq!(delay(&retry(Backoff::Constant, false), 7, None, "e").as_secs(), 1);
    }

    #[test]
    fn jitter_stays_in_the_upper_half_and_is_the_same_on_a_replay() {
        let retry = retry(Backoff::Constant, true);
        for next in 2..50 {
            let drawn = delay(&retry, next, None, "exe/step");
            assert!((Duration::from_millis(500)..Duration::from_secs(1)).contains(&drawn), "{drawn:?}");
            assert_eq!(drawn, delay(&retry, next, None, "exe/step"));
        }
        assert_ne!(delay(&retry, 2, None, "one"), delay(&retry, 2, None, "other"));
    }

    #[test]
    fn a_retry_after_answer_is_honoured_up_to_an_hour() {
        let retry = retry(Backoff::Constant, false);
        assert_eq!(delay(&retry, 2, Some(Duration::from_secs(30)), "e").as_secs(), 30);
        assert_eq!(delay(&retry, 2, Some(Duration::from_hours(24)), "e").as_secs(), 3_600);
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        assert_eq!(delay(&retry(Backoff::Exponential, false), u32::MAX, None, "e").as_secs(), 10);
    }
}
