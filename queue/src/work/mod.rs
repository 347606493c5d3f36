//! The work queue: execution ids on their way to a worker.

mod ack;
mod consumer;
mod lanes;
mod memory;
mod redis;

use std::time::Duration;

use ids::{ExecutionId, OrganizationId, WorkerId};

use self::ack::Receipt;
use self::lanes::Shares;
use self::memory::MemoryQueue;
use self::redis::RedisQueue;
use crate::error::QueueError;
use crate::pulse::Pulse;

pub use self::ack::{AckLayer, AckService};
pub use self::consumer::{Consumer, NeverFails};
pub use self::lanes::Lane;
pub use self::redis::RedisConfig;
pub(crate) use self::redis::{Line, Redis};

/// Class of priority; each has a stream of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Delivered last, but never left out.
    Low,
    /// The usual.
    Normal,
    /// Delivered first.
    High,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// A task: executions that may be runnable.
#[derive(Debug, Clone)]
pub struct WorkItem {
    /// Which.
    pub executions: Vec<ExecutionId>,
    receipt: Receipt,
}

/// How a worker consumes.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Who consumes; never reused.
    pub worker: WorkerId,
    /// From which queues.
    pub queues: Vec<String>,
    /// From which of their lanes.
    pub lane: Lane,
    /// Tasks that are fetched before they are asked for, at most.
    pub prefetch: usize,
    /// How long a task may stay unacknowledged before another worker takes it.
    pub claim_idle: Duration,
    /// Beats whenever work was fetched, or whoever has it said that there is none.
    pub pulse: Pulse,
}

impl ConsumerConfig {
    /// The usual settings.
    #[must_use]
    pub fn new(worker: WorkerId, queues: Vec<String>, lane: Lane, prefetch: usize) -> Self {
        let claim_idle = Duration::from_secs(10);
        Self { worker, queues, lane, prefetch: prefetch.max(1), claim_idle, pulse: Pulse::default() }
    }
}

/// How much waits in one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tasks in the queue, delivered or not.
    pub waiting: u64,
    /// Tasks that were delivered and not acknowledged.
    pub pending: u64,
    /// Tasks that could not be read and were put aside.
    pub dead: u64,
}

/// The work queue of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct WorkQueue {
    transport: Transport,
    shares: Shares,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of them in a process")]
enum Transport {
    Memory(MemoryQueue),
    Redis(RedisQueue),
}

impl WorkQueue {
    /// A queue inside this process.
    #[must_use]
    pub fn memory() -> Self {
        Self::over(Transport::Memory(MemoryQueue::default()))
    }

    /// A queue in Redis. Redis need not answer yet.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn redis(config: RedisConfig) -> Result<Self, QueueError> {
        Ok(Self::over(Transport::Redis(RedisQueue::new(config)?)))
    }

    fn over(transport: Transport) -> Self {
        Self { transport, shares: Shares::default() }
    }

    /// Hands executions of an organization to the queue and does not wait for Redis: a push that fails later is
    /// counted and logged, and the database still knows what nobody claimed.
    ///
    /// # Errors
    /// When more waits to be pushed than is kept in memory.
    pub fn push(
        &self,
        organization: OrganizationId,
        queue: &str,
        priority: Priority,
        executions: &[ExecutionId],
    ) -> Result<(), QueueError> {
        for (lane, part) in self.shares.divide(organization, executions) {
            match &self.transport {
                Transport::Memory(memory) => memory.push(queue, priority, lane, part),
                Transport::Redis(redis) => redis.push(queue, priority, lane, part)?,
            }
        }
        Ok(())
    }

    /// A backend for an apalis worker.
    #[must_use]
    pub fn consumer(&self, config: ConsumerConfig) -> Consumer {
        match &self.transport {
            Transport::Memory(memory) => memory.consumer(&config),
            Transport::Redis(redis) => redis.consumer(config),
        }
    }

    /// How much waits in `queue`.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn backlog(&self, queue: &str) -> Result<Backlog, QueueError> {
        match &self.transport {
            Transport::Memory(memory) => Ok(memory.backlog(queue)),
            Transport::Redis(redis) => redis.backlog(queue).await,
        }
    }

    /// Whether the queue answers.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn ping(&self) -> Result<(), QueueError> {
        match &self.transport {
            Transport::Memory(_) => Ok(()),
            Transport::Redis(redis) => redis.ping().await,
        }
    }

    /// Whether the last use of the queue worked. While it did not, workers look into the database.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match &self.transport {
            Transport::Memory(_) => true,
            Transport::Redis(redis) => redis.is_up(),
        }
    }
}
