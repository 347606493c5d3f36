//! How much somebody may ask for in a time: buckets of points that refill evenly.
//!
//! With Redis, the bucket of a key is one for all processes. A process takes a slice of it and spends that
//! by itself, so most requests cost no round trip. What is spent is at most the bucket and one slice for
//! each process; a slice that is not used up within its life is lost to the key.

mod bucket;
mod lease;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Mutex;

pub(crate) use self::bucket::Bucket;
use self::lease::Slot;
use self::redis::SharedBuckets;
use crate::error::QueueError;
use crate::work::RedisConfig;

/// Keys that are remembered in this process; beyond, those that were not used for longest begin anew.
const KEYS: u64 = 100_000;

/// A key that nobody used for so long is forgotten; buckets that take longer to refill are not accepted.
const IDLE: Duration = Duration::from_mins(61);

/// Longest time in which a bucket may refill.
pub const LONGEST_PERIOD: Duration = Duration::from_hours(1);

/// A bucket of points that refills evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Points in a full bucket; at least 1.
    pub points: u32,
    /// Time in which an empty one is full again; from a millisecond to [`LONGEST_PERIOD`].
    pub period: Duration,
}

impl Rate {
    fn per_ms(self) -> f64 {
        f64::from(self.points) / (self.period.as_secs_f64() * 1_000.0).max(1.0)
    }

    /// How long so many points take to come.
    fn time_for(self, points: f64) -> Duration {
        Duration::from_secs_f64((points.max(0.0) / self.per_ms() / 1_000.0).min(LONGEST_PERIOD.as_secs_f64()))
    }
}

/// Whether points were there, and how many are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they were there; they are spent then.
    pub is_admitted: bool,
    /// Points that are left, as far as this process knows.
    pub remaining: u32,
    /// Time until the bucket is full, when nothing is asked for meanwhile.
    pub reset: Duration,
    /// Time until as much may be asked for again; zero when it was admitted.
    pub retry_after: Duration,
}

/// The buckets of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Buckets {
    slots: Cache<String, Arc<Mutex<Slot>>>,
    shared: Option<SharedBuckets>,
}

impl Buckets {
    /// Buckets inside this process.
    #[must_use]
    pub fn memory() -> Self {
        Self { slots: Cache::builder().max_capacity(KEYS).time_to_idle(IDLE).build(), shared: None }
    }

    /// Buckets among all processes that share a Redis. Redis need not answer yet: while it is away, each
    /// process has a full bucket of its own.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn redis(config: &RedisConfig) -> Result<Self, QueueError> {
        Ok(Self { shared: Some(SharedBuckets::new(config)?), ..Self::memory() })
    }

    /// Takes `cost` points out of the bucket of `key`, or none of them. More than a full bucket holds costs a full
    /// one: nothing is refused for ever.
    pub async fn take(&self, key: &str, rate: Rate, cost: u32) -> Verdict {
        let cost = cost.min(rate.points);
        let slot = match self.slots.get(key) {
            Some(slot) => slot,
            None => self.slots.get_with(key.to_owned(), || Arc::new(Mutex::new(Slot::new(rate)))),
        };
        // Held while Redis is asked: those who wait find the slice that was taken.
        let mut slot = slot.lock().await;
        match &self.shared {
            None => slot.take_own(rate, cost),
            Some(shared) => slot.take_shared(shared, key, rate, cost).await,
        }
    }
}
