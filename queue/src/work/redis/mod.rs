//! The queue over Redis Streams: a stream for each queue, priority and lane, one consumer group.
//!
//! Fetching, running and acknowledging are apart from each other: a slow handler delays no
//! acknowledgement, and a Redis that is away stops nothing but the arrival of new work.

mod acknowledge;
mod fetch;
mod line;
mod names;
mod push;
mod recover;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use ids::ExecutionId;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, IntoConnectionInfo, RedisError};
use tracing::{info, warn};

pub(crate) use line::Line;

use super::{Backlog, Consumer, ConsumerConfig, Lane, Priority};
use crate::error::QueueError;
use push::Pusher;

/// How Redis is used.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://host:6379`, or `rediss://` with TLS in front.
    pub url: String,
    /// What stands before every key; the part of a queue is a hash tag, so that it stays in one slot.
    pub prefix: String,
    /// How long a command may take.
    pub timeout: Duration,
}

impl RedisConfig {
    /// The usual settings.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: "sluice".to_owned(), timeout: Duration::from_secs(2) }
    }
}

/// A Redis that is spoken to; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    pub(crate) client: Client,
    pub(crate) address: Arc<str>,
    pub(crate) prefix: Arc<str>,
    timeout: Duration,
    is_up: Arc<AtomicBool>,
    /// Redis may answer and take nothing: then only what is pushed shows it.
    takes_writes: Arc<AtomicBool>,
}

impl Redis {
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, QueueError> {
        let refuse = |source| QueueError::Address { url: without_password(&config.url), source };
        let info = config.url.as_str().into_connection_info().map_err(refuse)?;
        let address = info.addr().to_string().into();
        let client = Client::open(info).map_err(refuse)?;
        Ok(Self {
            client,
            address,
            prefix: config.prefix.as_str().into(),
            timeout: config.timeout,
            is_up: Arc::new(AtomicBool::new(true)),
            takes_writes: Arc::new(AtomicBool::new(true)),
        })
    }

    /// A connection that is made when it is first used and mends itself.
    pub(crate) fn connection(&self) -> Result<ConnectionManager, RedisError> {
        ConnectionManager::new_lazy_with_config(self.client.clone(), self.settings(Some(self.timeout)))
    }

    /// The same without a bound on answers, for commands that block.
    fn patient_connection(&self) -> Result<ConnectionManager, RedisError> {
        ConnectionManager::new_lazy_with_config(self.client.clone(), self.settings(None))
    }

    fn settings(&self, response: Option<Duration>) -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(response)
            // Trying again is ours: the manager only mends the connection.
            .set_number_of_retries(0)
    }

    pub(crate) fn saw<T>(&self, outcome: &Result<T, RedisError>) {
        self.is_up.store(works(outcome), Ordering::Relaxed);
    }

    pub(crate) fn saw_write<T>(&self, outcome: &Result<T, RedisError>) {
        let works = works(outcome);
        if self.takes_writes.swap(works, Ordering::Relaxed) != works {
            if works {
                info!(redis = %self.address, "Redis at {} takes pushes again", self.address);
            } else {
                warn!(redis = %self.address, "Redis at {} takes no pushes, workers look into the database until it does", self.address);
            }
        }
        self.saw(outcome);
    }

    pub(crate) fn takes_writes(&self) -> bool {
        self.takes_writes.load(Ordering::Relaxed)
    }

    fn unavailable(&self, source: RedisError) -> QueueError {
        QueueError::Unavailable { address: self.address.to_string(), source }
    }
}

fn works<T>(outcome: &Result<T, RedisError>) -> bool {
    match outcome {
        Ok(_) => true,
        // An answer that says no is an answer.
        Err(problem) => {
            !(problem.is_io_error()
                || problem.is_connection_dropped()
                || problem.is_connection_refusal()
                || problem.is_timeout()
                || takes_nothing(problem))
        }
    }
}

/// Whether Redis is there and takes no work: it is full, only reads, cannot save, or is still loading.
/// Then workers look into the database, as when it is away.
fn takes_nothing(problem: &RedisError) -> bool {
    const SAYS: [&str; 7] = ["OOM", "READONLY", "MISCONF", "LOADING", "NOREPLICAS", "MASTERDOWN", "BUSY"];
    // Of a pipeline, each command is refused by itself.
    let refusals = problem.clone().into_server_errors();
    refusals.is_some_and(|refusals| refusals.iter().any(|(_index, refusal)| SAYS.contains(&refusal.code())))
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &url[..scheme], &url[at..]),
        _no_password => url.to_owned(),
    }
}

/// The queue of one process.
#[derive(Debug, Clone)]
pub(super) struct RedisQueue {
    redis: Redis,
    pusher: Pusher,
}

impl RedisQueue {
    pub(super) fn new(config: RedisConfig) -> Result<Self, QueueError> {
        let redis = Redis::new(&config)?;
        let pusher = Pusher::start(redis.clone());
        Ok(Self { redis, pusher })
    }

    pub(super) fn push(
        &self,
        queue: &str,
        priority: Priority,
        lane: Lane,
        executions: &[ExecutionId],
    ) -> Result<(), QueueError> {
        self.pusher.push(names::stream(&self.redis.prefix, queue, priority, lane), executions)
    }

    pub(super) fn is_up(&self) -> bool {
        self.redis.is_up.load(Ordering::Relaxed) && self.redis.takes_writes()
    }

    pub(super) async fn ping(&self) -> Result<(), QueueError> {
        let asked: Result<String, RedisError> = async {
            let mut connection = Line::new(&self.redis)?;
            redis::cmd("PING").query_async(&mut connection).await
        }
        .await;
        self.redis.saw(&asked);
        asked.map(|_pong| ()).map_err(|source| self.redis.unavailable(source))
    }

    pub(super) async fn backlog(&self, queue: &str) -> Result<Backlog, QueueError> {
        let asked: Result<Backlog, RedisError> = async {
            let mut connection = Line::new(&self.redis)?;
            let mut pipeline = redis::pipe();
            pipeline.cmd("XLEN").arg(names::dead_letters(&self.redis.prefix, queue));
            for stream in names::streams(&self.redis.prefix, queue) {
                pipeline.cmd("XLEN").arg(stream);
            }
            let lengths: Vec<u64> = pipeline.query_async(&mut connection).await?;
            let (dead, waiting) = lengths.split_first().map_or((0, 0), |(dead, rest)| (*dead, rest.iter().sum()));
            let pending = recover::pending(&mut connection, &self.redis.prefix, queue).await?;
            Ok(Backlog { waiting, pending, dead })
        }
        .await;
        self.redis.saw(&asked);
        asked.map_err(|source| self.redis.unavailable(source))
    }

    pub(super) fn consumer(&self, config: ConsumerConfig) -> Consumer {
        let redis = self.redis.clone();
        let prefetch = config.prefetch;
        Consumer::new(prefetch, Box::new(move |items, stop| fetch::run(redis, config, items, stop).boxed()))
    }
}
