//! The worker's lease: its heartbeat row, and whether it may still begin something.
//!
//! The heartbeat is a task of its own, so load does not delay it. A worker that could not renew
//! its lease in time must not begin an effect any more: another one may already own its
//! executions. That is judged by a monotonic clock, with a margin, never by wall time. A lease that
//! was renewed too late is another one: what was claimed under the first stays lost, although the
//! worker is alive again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// When the lease was last renewed, as this process measures time.
#[derive(Debug, Clone)]
pub struct Lease {
    started: Instant,
    length: Duration,
    renewed_after_ms: Arc<AtomicU64>,
    lapses: Arc<AtomicU32>,
    renewed: Arc<Notify>,
}

/// The time between two lapses of the lease; a claim is worth what the term is worth in which it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term(u32);

/// A worker stops beginning effects this long before others may take its executions.
const MARGIN: Duration = Duration::from_secs(2);

impl Lease {
    /// A lease of `length`, renewed now.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self {
            started: Instant::now(),
            length,
            renewed_after_ms: Arc::new(AtomicU64::new(0)),
            lapses: Arc::new(AtomicU32::new(0)),
            renewed: Arc::new(Notify::new()),
        }
    }

    /// The lease was renewed by a heartbeat that was *sent* at `at`: the answer may have taken long.
    pub fn renew(&self, at: Instant) {
        // Before it counts again, so that nobody sees a lease that is safe and not yet another one.
        if !self.is_safe() {
            self.lapses.fetch_add(1, Ordering::SeqCst);
        }
        let millis = at.saturating_duration_since(self.started).as_millis();
        self.renewed_after_ms.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::SeqCst);
        self.renewed.notify_waiters();
    }

    /// Waits until the lease is safe, so that nothing is claimed that could not be worked on.
    pub async fn safe(&self) -> Term {
        loop {
            let renewed = self.renewed.notified();
            let term = self.term();
            if self.is_safe() {
                return term;
            }
            renewed.await;
        }
    }

    /// The present term, if the lease is safe.
    #[must_use]
    pub fn safe_term(&self) -> Option<Term> {
        let term = self.term();
        self.is_safe().then_some(term)
    }

    /// Whether an effect of something that was claimed in `term` may begin now.
    #[must_use]
    pub fn holds(&self, term: Term) -> bool {
        self.is_safe() && self.term() == term
    }

    fn term(&self) -> Term {
        Term(self.lapses.load(Ordering::SeqCst))
    }

    fn is_safe(&self) -> bool {
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

    #[tokio::test(start_paused = true)]
    async fn what_was_claimed_before_the_lease_lapsed_stays_lost() {
        let lease = Lease::new(Duration::from_secs(10));
        let before = lease.safe_term().unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(lease.safe_term(), None);
        lease.renew(Instant::now());
        let after = lease.safe_term().unwrap();
        assert!(lease.holds(after) && !lease.holds(before));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_waits_for_the_lease_to_be_renewed() {
        let lease = Lease::new(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        let waiting = tokio::spawn({
            let lease = lease.clone();
            async move { lease.safe().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        lease.renew(Instant::now());
        assert!(lease.holds(waiting.await.unwrap()));
    }
}
