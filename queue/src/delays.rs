//! Delays between tries at a Redis that is away.
//!
//! `backoff` is no longer maintained (RUSTSEC-2025-0012); only its arithmetic is used, here alone.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

/// Longest delay between two tries.
const LONGEST: Duration = Duration::from_secs(2);

/// Exponential delays with jitter, from 20 ms up to two seconds, without end.
#[derive(Debug)]
pub(crate) struct Delays(ExponentialBackoff);

impl Delays {
    pub(crate) fn new() -> Self {
        Self(ExponentialBackoff {
            initial_interval: Duration::from_millis(20),
            current_interval: Duration::from_millis(20),
            max_interval: LONGEST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// Waits before the next try.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0.next_backoff().unwrap_or(LONGEST)).await;
    }

    /// The last try worked: the next delay is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}
