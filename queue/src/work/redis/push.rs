//! Pushes in groups: whatever gathered while the pipeline before was under way goes in the next.

use std::collections::BTreeMap;
use std::time::Duration;

use ids::ExecutionId;
use redis::RedisError;
use tokio::sync::{Mutex, mpsc};
use tracing::{error, warn};

use super::Redis;
use super::line::Line;
use crate::error::QueueError;
use crate::message::{MAX_IDS, WorkMessage};
use crate::supervise::keep_running;

/// Pushes that wait at most; beyond, the caller is told.
const WAITING: usize = 100_000;
/// Pushes that go into one pipeline at most.
const GROUP: usize = 1_000;
/// How often is looked whether Redis takes writes again.
const PROBE: Duration = Duration::from_secs(1);
/// About how long a stream may grow: the database knows what falls off its end.
const MAX_LENGTH: usize = 1_000_000;

/// Hands pushes to the task that sends them.
#[derive(Debug, Clone)]
pub(super) struct Pusher(mpsc::Sender<(String, Vec<ExecutionId>)>);

impl Pusher {
    pub(super) fn start(redis: Redis) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let receiver = Mutex::new(receiver);
            keep_running("queue_push", || async { run(&redis, &mut *receiver.lock().await).await }).await;
        });
        Self(sender)
    }

    pub(super) fn push(&self, stream: String, executions: &[ExecutionId]) -> Result<(), QueueError> {
        if executions.is_empty() {
            return Ok(());
        }
        self.0.try_send((stream, executions.to_vec())).map_err(|_full| QueueError::Full)
    }
}

async fn run(redis: &Redis, receiver: &mut mpsc::Receiver<(String, Vec<ExecutionId>)>) {
    let mut connection = match Line::new(redis) {
        Ok(connection) => connection,
        Err(problem) => {
            error!(error = %problem, "pushes cannot be sent, the requeue reconciler will have to");
            return;
        }
    };
    let mut waiting = Vec::with_capacity(GROUP);
    loop {
        tokio::select! {
            count = receiver.recv_many(&mut waiting, GROUP) => if count == 0 { return },
            () = tokio::time::sleep(PROBE), if !redis.takes_writes() => {
                let probed: Result<(), RedisError> = probe(redis).query_async(&mut connection).await;
                redis.saw_write(&probed);
                continue;
            }
        }
        let mut streams: BTreeMap<String, Vec<ExecutionId>> = BTreeMap::new();
        for (stream, executions) in waiting.drain(..) {
            streams.entry(stream).or_default().extend(executions);
        }
        let count: usize = streams.values().map(Vec::len).sum();
        metrics::histogram!("sluice_queue_push_group").record(count as f64);
        let pushed = send(&mut connection, &streams).await;
        redis.saw_write(&pushed);
        if let Err(problem) = pushed {
            metrics::counter!("sluice_queue_push_failures_total").increment(count as u64);
            warn!(count, error = %problem, redis = %redis.address, "cannot push {count} executions to Redis at {}, the requeue reconciler will", redis.address);
        }
    }
}

/// A write that tells whether pushes would be taken.
fn probe(redis: &Redis) -> redis::Cmd {
    let mut command = redis::cmd("SET");
    command.arg(format!("{}:probe", redis.prefix)).arg(1).arg("EX").arg(60);
    command
}

async fn send(connection: &mut Line, streams: &BTreeMap<String, Vec<ExecutionId>>) -> Result<(), RedisError> {
    let mut pipeline = redis::pipe();
    for (stream, executions) in streams {
        for ids in executions.chunks(entry_size(executions.len())) {
            pipeline
                .cmd("XADD")
                .arg(stream)
                .arg("MAXLEN")
                .arg("~")
                .arg(MAX_LENGTH)
                .arg("*")
                .arg("m")
                .arg(WorkMessage::encode(ids))
                .ignore();
        }
    }
    pipeline.query_async(connection).await
}

/// Ids for one entry: few when there are few, so that several workers share them.
const fn entry_size(count: usize) -> usize {
    match count / 8 {
        0 => 1,
        share if share > MAX_IDS => MAX_IDS,
        share => share,
    }
}
