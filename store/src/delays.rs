//! Delays between tries at something that is away.
//!
//! `backoff` is no longer maintained (RUSTSEC-2025-0012); only its arithmetic is used, here alone.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

/// Exponential delays with jitter of half of the delay either way, without end.
#[derive(Debug)]
pub struct Delays {
    backoff: ExponentialBackoff,
    longest: Duration,
}

impl Delays {
    /// From about `first` up to about `longest`, doubled each time.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        let backoff = ExponentialBackoff {
            initial_interval: first,
            current_interval: first,
            multiplier: 2.0,
            max_interval: longest,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { backoff, longest }
    }

    /// The delay before the next try.
    pub fn next_delay(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(self.longest)
    }

    /// The last try worked: the next delay is a short one again.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_stay_bounded_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut delays = Delays::new(first, longest);
        let drawn: Vec<Duration> = (0..30).map(|_| delays.next_delay()).collect();
        assert!(drawn[0] <= first * 3 / 2 && drawn[0] >= first / 2, "{:?}", drawn[0]);
        assert!(drawn.iter().all(|delay| *delay <= longest * 3 / 2));
        assert!(drawn[20..].iter().all(|delay| *delay >= longest / 2));
        delays.reset();
        assert!(delays.next_delay() <= first * 3 / 2);
    }
}
