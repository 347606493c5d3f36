//! Delays between our own tries at something that is away, such as the database.
//!
//! `backoff` is no longer maintained (RUSTSEC-2025-0012); only its arithmetic is used, here alone.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

/// Longest delay between two tries.
const LONGEST: Duration = Duration::from_secs(5);

/// Exponential delays with jitter, from 50 ms up to five seconds.
#[derive(Debug)]
pub(crate) struct Delays(ExponentialBackoff);

impl Delays {
    /// Delays that never come to an end.
    pub(crate) fn unbounded() -> Self {
        Self(ExponentialBackoff {
            initial_interval: Duration::from_millis(50),
            current_interval: Duration::from_millis(50),
            max_interval: LONGEST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// The delay before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_stay_bounded() {
        let mut delays = Delays::unbounded();
        let drawn: Vec<Duration> = (0..40).map(|_| delays.next()).collect();
        assert!(drawn[0] <= Duration::from_millis(75), "the first try comes soon: {:?}", drawn[0]);
        // Jitter is up to half of the interval either way.
        assert!(drawn.iter().all(|delay| *delay <= LONGEST * 3 / 2));
        assert!(drawn[30] >= LONGEST / 2);
    }
}
