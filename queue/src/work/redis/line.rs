//! A connection that is made anew after silence.
//!
//! The manager of the driver mends connections that break. One that is half-open does not break: each
//! command on it times out, and so would the next. So after a time-out it is thrown away.

use std::time::Duration;

use futures::FutureExt;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};
use tracing::info;

use super::Redis;

/// Makes a connection.
type Make = fn(&Redis) -> Result<ConnectionManager, RedisError>;

/// One user of a connection.
#[derive(Clone)]
pub struct Line {
    redis: Redis,
    make: Make,
    /// Longest time to wait for an answer.
    limit: Duration,
    manager: ConnectionManager,
}

impl Line {
    /// For commands that are answered at once.
    pub fn new(redis: &Redis) -> Result<Self, RedisError> {
        Self::made_by(redis, Redis::connection, redis.timeout)
    }

    /// For commands that block, for less than `limit`.
    pub fn patient(redis: &Redis, limit: Duration) -> Result<Self, RedisError> {
        Self::made_by(redis, Redis::patient_connection, limit)
    }

    fn made_by(redis: &Redis, make: Make, limit: Duration) -> Result<Self, RedisError> {
        Ok(Self { redis: redis.clone(), make, limit, manager: make(redis)? })
    }

    /// After a time-out, or from a server that only reads because another one has taken its place, the
    /// connection is made anew; its address is looked up again.
    fn heed<T>(&mut self, outcome: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(problem) = &outcome
            && (problem.is_timeout() || problem.code() == Some("READONLY"))
        {
            metrics::counter!("sluice_redis_reconnects_total").increment(1);
            info!(redis = %self.redis.address, error = %problem, "the connection to Redis at {} is made anew", self.redis.address);
            self.manager = (self.make)(&self.redis)?;
        }
        outcome
    }
}

fn silent() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        async move {
            let asked = tokio::time::timeout(self.limit, self.manager.req_packed_command(command)).await;
            self.heed(asked.unwrap_or_else(|_elapsed| Err(silent())))
        }
        .boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        async move {
            let asked =
                tokio::time::timeout(self.limit, self.manager.req_packed_commands(pipeline, offset, count)).await;
            self.heed(asked.unwrap_or_else(|_elapsed| Err(silent())))
        }
        .boxed()
    }

    fn get_db(&self) -> i64 {
        self.manager.get_db()
    }
}
