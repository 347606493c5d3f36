//! A queue of either transport, and workers that record what they are given.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BoxDynError, Data, Monitor, WorkerBuilder};
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::{ExecutionId, OrganizationId, WorkerId};
use queue::limits::Buckets;
use queue::{Backlog, ConsumerConfig, Lane, Notices, Pulse, RedisConfig, WorkItem, WorkQueue};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Runs each case over the memory and over Redis.
#[macro_export]
macro_rules! on_both_transports {
    ($(async fn $name:ident($bed:ident: &Bed) $body:block)*) => {$(
        mod $name {
            #[expect(clippy::allow_attributes, reason = "not every case needs every import")]
            #[allow(unused_imports, reason = "not every case needs every import")]
            use super::*;

            async fn case($bed: &Bed) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn in_memory() {
                case(&Bed::memory()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn over_redis() {
                let Some(bed) = Bed::shared_redis(stringify!($name)) else { return };
                case(&bed).await;
            }
        }
    )*};
}

/// How long an entry may be silent here before another worker takes it.
pub const CLAIM_IDLE: Duration = Duration::from_millis(300);

/// One queue with nothing in it.
pub struct Bed {
    pub queue: WorkQueue,
    redis: Option<RedisConfig>,
}

impl Bed {
    pub fn memory() -> Self {
        Self { queue: WorkQueue::memory(), redis: None }
    }

    pub fn redis(url: &str) -> Self {
        let mut config = RedisConfig::new(url);
        config.prefix = format!("test-{}", WorkerId::new());
        Self { queue: WorkQueue::redis(config.clone()).unwrap(), redis: Some(config) }
    }

    /// `None`, and a line on standard error, when no Redis is named.
    pub fn shared_redis(case: &str) -> Option<Self> {
        let Ok(url) = std::env::var("SLUICE_TEST_REDIS_URL") else {
            eprintln!("skipped: {case} over Redis, because SLUICE_TEST_REDIS_URL is not set");
            return None;
        };
        Some(Self::redis(&url))
    }

    /// The queue as another process has it: in memory there is no other process.
    pub fn another_process(&self) -> WorkQueue {
        self.redis.as_ref().map_or_else(|| self.queue.clone(), |config| WorkQueue::redis(config.clone()).unwrap())
    }

    pub fn notices(&self) -> Notices {
        self.redis.as_ref().map_or_else(Notices::memory, |config| Notices::redis(config).unwrap())
    }

    /// Buckets as a process of its own has them.
    pub fn buckets(&self) -> Buckets {
        self.redis.as_ref().map_or_else(Buckets::memory, |config| Buckets::redis(config).unwrap())
    }

    /// Whether other processes take part.
    pub fn is_remote(&self) -> bool {
        self.redis.is_some()
    }

    /// What every key of the test begins with, behind the brace.
    pub fn prefix(&self) -> &str {
        &self.redis.as_ref().unwrap().prefix
    }

    pub fn worker(&self, queues: &[&str], what: Handling) -> Worker {
        Worker::start(&self.another_process(), queues, what)
    }

    /// Reads one entry as a worker that dies before it has done anything with it: in memory by a
    /// panic of its handler, since whatever else ends a worker there ends the queue too.
    pub async fn read_and_die(&self, queue: &str) {
        let Some(config) = &self.redis else {
            let panics = Arc::new(Mutex::new(false));
            let worker = self.worker(&[queue], Handling::PanicsOnce(Arc::clone(&panics)));
            eventually("the worker died of it", || async { *panics.lock().unwrap() }).await;
            worker.drain().await;
            return;
        };
        let mut connection = connection(config).await;
        let stream = format!("{{{}:{queue}}}:normal:share", config.prefix);
        let mut made = redis::cmd("XGROUP");
        made.arg("CREATE").arg(&stream).arg("workers").arg("0").arg("MKSTREAM");
        let _made_or_there: redis::RedisResult<()> = made.query_async(&mut connection).await;
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg("workers").arg("ghost").arg("COUNT").arg(1).arg("STREAMS").arg(&stream).arg(">");
        let reply: redis::streams::StreamReadReply = read.query_async(&mut connection).await.unwrap();
        assert_eq!(reply.keys.len(), 1, "there was something to read");
    }

    /// A command of Redis itself.
    pub async fn command(&self, parts: &[&str]) {
        let mut command = redis::cmd(parts[0]);
        for part in &parts[1..] {
            command.arg(part);
        }
        let _answer: redis::Value =
            command.query_async(&mut connection(self.redis.as_ref().unwrap()).await).await.unwrap();
    }

    pub async fn backlog(&self, queue: &str) -> Backlog {
        self.queue.backlog(queue).await.unwrap()
    }

    /// Waits until nothing is left to do in `queue`.
    pub async fn emptied(&self, queue: &str) {
        eventually("the queue is empty", || async {
            let backlog = self.backlog(queue).await;
            (backlog.waiting, backlog.pending) == (0, 0)
        })
        .await;
    }
}

async fn connection(config: &RedisConfig) -> redis::aio::MultiplexedConnection {
    redis::Client::open(config.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// What a worker does with what it is given.
#[derive(Debug, Clone)]
pub enum Handling {
    /// Records it and is done.
    Takes,
    /// Records it, and is done when a permit is given.
    Waits(Arc<Semaphore>),
    /// Fails this often, then takes.
    FailsFirst(Arc<Mutex<usize>>),
    /// Panics the first time, and fails afterwards.
    PanicsOnce(Arc<Mutex<bool>>),
    /// Never returns.
    Hangs,
}

/// A worker as apalis runs it.
pub struct Worker {
    handled: Arc<Mutex<Vec<Vec<ExecutionId>>>>,
    /// When it last fetched.
    pub pulse: Pulse,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// An organization that has pushed nothing yet.
pub fn somebody() -> OrganizationId {
    OrganizationId::new()
}

/// Tasks of one lane that one worker handles at once.
pub const CONCURRENCY: usize = 2;

struct Shared {
    what: Handling,
    handled: Arc<Mutex<Vec<Vec<ExecutionId>>>>,
}

fn handle(item: WorkItem, shared: Data<Arc<Shared>>) -> BoxFuture<'static, Result<(), BoxDynError>> {
    let shared = Arc::clone(&shared);
    async move {
        match &shared.what {
            Handling::FailsFirst(left) => {
                let mut left = left.lock().unwrap();
                if *left > 0 {
                    *left -= 1;
                    return Err("not yet".into());
                }
            }
            Handling::PanicsOnce(panicked) => {
                let was = std::mem::replace(&mut *panicked.lock().unwrap(), true);
                assert!(was, "this is the panic of the test");
                return Err("it has ended".into());
            }
            Handling::Hangs => std::future::pending().await,
            Handling::Waits(permits) => permits.acquire().await?.forget(),
            Handling::Takes => {}
        }
        shared.handled.lock().unwrap().push(item.executions);
        Ok(())
    }
    .boxed()
}

impl Worker {
    pub fn start(queue: &WorkQueue, queues: &[&str], what: Handling) -> Self {
        let handled = Arc::default();
        let shared = Arc::new(Shared { what, handled: Arc::clone(&handled) });
        let stop = CancellationToken::new();
        let (queue, signal) = (queue.clone(), stop.clone());
        let queues: Vec<String> = queues.iter().map(|&queue| queue.to_owned()).collect();
        let id = WorkerId::new();
        let pulse = Pulse::default();
        let monitor =
            Lane::ALL.into_iter().fold(Monitor::new().should_restart(|_context, _error| true), |monitor, lane| {
                let (queue, queues, shared, beating) =
                    (queue.clone(), queues.clone(), Arc::clone(&shared), pulse.clone());
                monitor.register(move |restarts| {
                    let mut config = ConsumerConfig::new(id, queues.clone(), lane, CONCURRENCY);
                    config.claim_idle = CLAIM_IDLE;
                    config.pulse = beating.clone();
                    WorkerBuilder::new(format!("{id}-{lane:?}-{restarts}"))
                        .backend(queue.consumer(config))
                        .data(Arc::clone(&shared))
                        .concurrency(CONCURRENCY)
                        .build(handle)
                })
            });
        let task = tokio::spawn(async move {
            let signal = async move {
                signal.cancelled().await;
                Ok::<(), std::io::Error>(())
            };
            monitor.run_with_signal(signal).await.unwrap();
        });
        Self { handled, pulse, stop, task }
    }

    /// What was handled, task by task.
    pub fn handled(&self) -> Vec<Vec<ExecutionId>> {
        self.handled.lock().unwrap().clone()
    }

    /// Asks it to end, and waits until it has.
    pub async fn drain(self) -> Vec<Vec<ExecutionId>> {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("the worker drains").unwrap();
        std::mem::take(&mut *self.handled.lock().unwrap())
    }

    /// Ends it in the middle of what it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Which executions some workers handled, whatever the order and however often.
pub fn all_of(workers: &[Worker]) -> BTreeSet<ExecutionId> {
    workers.iter().flat_map(Worker::handled).flatten().collect()
}

pub fn executions(count: usize) -> Vec<ExecutionId> {
    (0..count).map(|_| ExecutionId::new()).collect()
}

/// Waits until `condition` holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waited = async {
        while !condition().await {
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waited).await.is_ok(), "{what}: not within 20 s");
}
