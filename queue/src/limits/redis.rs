//! Buckets in Redis: one script takes, so that no two processes take the same points.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::RedisError;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::Rate;
use crate::error::QueueError;
use crate::work::{Line, Redis, RedisConfig};

const TAKE: &str = include_str!("take.lua");

/// A request waits no longer than this for its limit to be looked up.
const PATIENCE: Duration = Duration::from_millis(100);
/// After a failure, Redis is not asked for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// What a bucket is kept for beyond the time in which it refills: then it is as good as none.
const KEPT: Duration = Duration::from_mins(1);

/// What Redis gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub points: u32,
    pub remaining: u32,
}

#[derive(Clone)]
pub(super) struct SharedBuckets {
    redis: Redis,
    state: Arc<Mutex<State>>,
}

struct State {
    line: Option<Line>,
    away_until: Option<Instant>,
}

impl std::fmt::Debug for SharedBuckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedBuckets").field("redis", &self.redis.address).finish_non_exhaustive()
    }
}

impl SharedBuckets {
    pub fn new(config: &RedisConfig) -> Result<Self, QueueError> {
        let state = Arc::new(Mutex::new(State { line: None, away_until: None }));
        Ok(Self { redis: Redis::new(config)?, state })
    }

    /// Points of the bucket of `key`, or `None` while Redis is away.
    pub async fn take(&self, key: &str, rate: Rate, least: u32, want: u32) -> Option<Grant> {
        let mut line = self.line()?;
        let mut command = redis::cmd("EVAL");
        command
            .arg(TAKE)
            .arg(1)
            .arg(format!("{}:rate:{key}", self.redis.prefix))
            .arg(rate.points)
            .arg(rate.per_ms().to_string())
            .arg(least)
            .arg(want)
            .arg(u64::try_from((rate.period + KEPT).as_millis()).unwrap_or(u64::MAX));
        match timeout(PATIENCE, command.query_async::<(u32, u32)>(&mut line)).await {
            Ok(Ok((points, remaining))) => Some(Grant { points, remaining }),
            Ok(Err(problem)) => self.away(&problem),
            Err(_elapsed) => self.away(&std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    fn line(&self) -> Option<Line> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.away_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        if state.line.is_none() {
            state.line = Line::new(&self.redis).ok();
        }
        state.line.clone()
    }

    fn away(&self, problem: &RedisError) -> Option<Grant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that is half-open answers nothing for ever: the next try makes one anew.
        state.line = None;
        if state.away_until.replace(Instant::now() + PAUSE).is_none_or(|until| Instant::now() >= until) {
            warn!(redis = %self.redis.address, error = %problem, "rate limits cannot be shared, each process counts by itself");
        }
        None
    }
}
