//! Where the time comes from: the only place that looks at a clock for the engine and the store.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::Timestamp;
use store::{Store, StoreError};
use tracing::{debug, warn};

/// A source of the present moment: the machine's clock, that of the database, or one that a test moves.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// The database's clock, as this process keeps it: see [`DatabaseClock`].
    Database(Arc<DatabaseClock>),
    /// Stands still until it is moved. Unix milliseconds.
    Fake(Arc<AtomicI64>),
}

/// The time of the database, kept by this process's monotonic clock between two looks.
///
/// Leases, timers and turns are written by one process and judged by another. With a clock that all of them share
/// it does not matter what a machine believes the time to be, or that somebody sets it.
#[derive(Debug)]
pub struct DatabaseClock {
    started: Instant,
    /// What the database's time was at `started`, Unix milliseconds.
    started_at_ms: AtomicI64,
}

/// A look that took longer than this says too little: the database's time may be from its beginning or its end.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// A smaller difference comes from the way to the database and back, in milliseconds.
const NOISE_MS: i64 = 50;

/// How far the clocks of two processes may be apart, since each may be that far from the database's, in milliseconds.
pub const APART_MS: i64 = 2 * NOISE_MS;

impl DatabaseClock {
    /// Looks at the database's clock for the first time.
    ///
    /// # Errors
    /// When the database is away.
    #[boxed]
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let asked = Instant::now();
        let now_ms = store.now_ms().await?;
        // Half of the way is over when the database looks at its clock.
        let started = asked + asked.elapsed() / 2;
        Ok(Self { started, started_at_ms: AtomicI64::new(now_ms) })
    }

    /// Looks again, and follows the database if the clocks have come apart.
    ///
    /// # Errors
    /// When the database is away: then this clock goes on by itself.
    #[boxed]
    pub async fn adjust(&self, store: &Store) -> Result<(), StoreError> {
        let asked = Instant::now();
        let theirs_ms = store.now_ms().await?;
        let took = asked.elapsed();
        if took > LONGEST_LOOK {
            debug!(?took, "the database was slow to say what time it is, it is asked again later");
            return Ok(());
        }
        let mine_ms = self.at(asked + took / 2).0;
        // The database looked at its clock at some moment of the way.
        let doubt_ms = i64::try_from((took / 2).as_millis()).unwrap_or(i64::MAX);
        self.follow(theirs_ms.saturating_sub(mine_ms), doubt_ms.saturating_add(NOISE_MS));
        Ok(())
    }

    /// Goes on `ahead_ms` later than it stands, if that is more than nobody knows for sure.
    fn follow(&self, ahead_ms: i64, doubt_ms: i64) {
        if ahead_ms.abs() <= doubt_ms {
            return;
        }
        warn!(ahead_ms, "the clock of the database is {ahead_ms} ms ahead of where it was expected, it is followed");
        self.started_at_ms.fetch_add(ahead_ms, Ordering::SeqCst);
    }

    fn at(&self, moment: Instant) -> Timestamp {
        let passed = moment.saturating_duration_since(self.started);
        Timestamp(self.started_at_ms.load(Ordering::SeqCst)).plus(passed)
    }
}

impl Clock {
    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn fake(start: Timestamp) -> Self {
        Self::Fake(Arc::new(AtomicI64::new(start.0)))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Database(clock) => clock.at(Instant::now()),
            Self::Fake(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fake clock forward; the others move by themselves and ignore this.
    pub fn advance(&self, by: Duration) {
        if let Self::Fake(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing_at(started_at_ms: i64) -> DatabaseClock {
        DatabaseClock { started: Instant::now(), started_at_ms: AtomicI64::new(started_at_ms) }
    }

    #[test]
    fn a_clock_of_the_database_goes_on_by_the_monotonic_clock() {
        let clock = standing_at(1_000);
        assert_eq!(clock.at(clock.started + Duration::from_secs(5)), Timestamp(6_000));
    }

    #[test]
    fn a_clock_of_the_database_follows_it_forwards_and_back_and_no_noise() {
        let clock = standing_at(1_000_000);
        for (ahead_ms, then_ms) in [(50, 1_000_000), (-50, 1_000_000), (51, 1_000_051), (-3_600_000, -2_599_949)] {
            clock.follow(ahead_ms, 50);
            assert_eq!(clock.at(clock.started), Timestamp(then_ms), "{ahead_ms}");
        }
    }
}
