//! When something was last seen to work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The moment when something last worked, as this process measures time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Pulse {
    made: Instant,
    /// In milliseconds after `made`; 0 is never.
    last_ms: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { made: Instant::now(), last_ms: Arc::default() }
    }
}

impl Pulse {
    /// It works.
    pub fn beat(&self) {
        let millis = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(millis.max(1), Ordering::Relaxed);
    }

    /// How long ago it last worked; `None` when it never did.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let last = self.last_ms.load(Ordering::Relaxed);
        (last > 0).then(|| self.made.elapsed().saturating_sub(Duration::from_millis(last)))
    }

    /// Whether it worked within the last `length`.
    #[must_use]
    pub fn is_within(&self, length: Duration) -> bool {
        self.age().is_some_and(|age| age <= length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pulse_grows_old_and_one_that_never_beat_is_not_fresh() {
        let pulse = Pulse::default();
        let second = Duration::from_secs(1);
        assert!(!pulse.is_within(second * 1_000) && pulse.age().is_none());
        pulse.beat();
        assert!(pulse.is_within(second));
        tokio::time::advance(second * 2).await;
        assert!(!pulse.is_within(second) && pulse.is_within(second * 2));
        pulse.clone().beat();
        assert!(pulse.is_within(second), "copies share it");
    }
}
