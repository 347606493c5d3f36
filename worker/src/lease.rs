//! The worker's lease: its heartbeat row, and whether it may still begin something.
//!
//! The heartbeat is a task of its own, so load does not delay it. A worker that could not renew
//! its lease in time must not begin an effect any more: another one may already own its
//! executions. That is judged by a monotonic clock, with a margin, never by wall time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When the lease was last renewed, as this process measures time.
#[derive(Debug, Clone)]
pub struct Lease {
    started: Instant,
    length: Duration,
    renewed_after_ms: Arc<AtomicU64>,
}

/// A worker stops beginning effects this long before others may take its executions.
const MARGIN: Duration = Duration::from_secs(2);

impl Lease {
    /// A lease of `length`, renewed now.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self { started: Instant::now(), length, renewed_after_ms: Arc::new(AtomicU64::new(0)) }
    }

    /// The lease was renewed by a heartbeat that was *sent* at `at`: the answer may have taken long.
    pub fn renew(&self, at: Instant) {
        let millis = at.saturating_duration_since(self.started).as_millis();
        self.renewed_after_ms.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Whether an effect may begin now.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let renewed = self.started + Duration::from_millis(self.renewed_after_ms.load(Ordering::SeqCst));
        // A short lease (tests) keeps a margin in proportion.
        let margin = MARGIN.min(self.length / 4);
        renewed.elapsed() + margin < self.length
    }

    /// How long the lease is.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.length
    }

    /// How often the heartbeat is written.
    #[must_use]
    pub fn heartbeat_period(&self) -> Duration {
        self.length / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_not_renewed_stops_being_safe_before_it_ends() {
        let lease = Lease::new(Duration::from_secs(10));
        assert!(lease.is_safe());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(lease.is_safe());
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert!(!lease.is_safe(), "two seconds before the end nothing may begin");
        lease.renew(Instant::now());
        assert!(lease.is_safe());
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_counts_from_when_it_was_sent() {
        let lease = Lease::new(Duration::from_secs(10));
        let sent = Instant::now();
        tokio::time::advance(Duration::from_secs(9)).await;
        lease.renew(sent);
        assert!(!lease.is_safe());
    }
}
