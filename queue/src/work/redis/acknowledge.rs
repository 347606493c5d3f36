//! Settles entries in groups: acknowledged and deleted, given back, or put aside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::ExecutionId;
use redis::streams::StreamId;
use redis::{Pipeline, RedisError, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Redis;
use super::line::Line;
use super::names::GROUP;
use crate::delays::Delays;
use crate::message::WorkMessage;
use crate::work::ack::Settle;

/// Entries settled in one pipeline at most.
const MAX_GROUP: usize = 1_000;
/// Entries put aside that are kept, about.
const MAX_DEAD: usize = 10_000;

/// An entry that was handed on.
#[derive(Debug, Clone)]
pub(super) struct InHand {
    pub(super) stream: String,
    pub(super) entry: String,
    pub(super) executions: Vec<ExecutionId>,
}

#[derive(Debug)]
enum Settled {
    Done { stream: String, entry: String },
    GivenBack { stream: String, entry: String, executions: Vec<ExecutionId> },
    PutAside { stream: String, entry: StreamId, dead: String },
}

/// Takes note of what is in hand, and settles it.
#[derive(Debug)]
pub(super) struct Acknowledger {
    in_hand: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    settled: mpsc::UnboundedSender<Option<Settled>>,
    /// Tells the end to whoever is trying again, and so reads nothing.
    closing: CancellationToken,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Entry {
    in_hand: InHand,
    all: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    settled: mpsc::UnboundedSender<Option<Settled>>,
}

impl Entry {
    fn settle(&self, settled: Settled) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = all.get_mut(&self.in_hand.stream) {
            entries.retain(|entry| *entry != self.in_hand.entry);
        }
        drop(all);
        if self.settled.send(Some(settled)).is_err() {
            // The consumer has ended; another worker takes the entry once it has been idle.
            metrics::counter!("sluice_queue_late_acks_total").increment(1);
        }
    }
}

impl Settle for Entry {
    fn acknowledge(&self) {
        self.settle(Settled::Done { stream: self.in_hand.stream.clone(), entry: self.in_hand.entry.clone() });
    }

    fn give_back(&self) {
        let InHand { stream, entry, executions } = self.in_hand.clone();
        self.settle(Settled::GivenBack { stream, entry, executions });
    }
}

impl Acknowledger {
    pub(super) fn start(redis: Redis, connection: Line) -> Self {
        let (settled, receiver) = mpsc::unbounded_channel();
        let closing = CancellationToken::new();
        let task = tokio::spawn(run(redis, connection, receiver, closing.clone()));
        Self { in_hand: Arc::default(), settled, closing, task: tokio::sync::Mutex::new(Some(task)) }
    }

    /// Notes an entry as handed on; what is returned settles it.
    pub(super) fn take(&self, in_hand: InHand) -> Arc<dyn Settle> {
        let mut all = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(in_hand.stream.clone()).or_default().push(in_hand.entry.clone());
        drop(all);
        Arc::new(Entry { in_hand, all: Arc::clone(&self.in_hand), settled: self.settled.clone() })
    }

    pub(super) fn put_aside(&self, stream: String, entry: StreamId, dead: String) {
        if self.settled.send(Some(Settled::PutAside { stream, entry, dead })).is_err() {
            metrics::counter!("sluice_queue_late_acks_total").increment(1);
        }
    }

    /// What is in hand, stream by stream.
    pub(super) fn in_hand(&self) -> BTreeMap<String, Vec<String>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Settles what is known so far, and ends.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        // Fails only when the task has ended already.
        let asked = self.settled.send(None);
        if let (Ok(()), Some(task)) = (asked, self.task.lock().await.take())
            && let Err(problem) = task.await
        {
            tracing::error!(error = %problem, "acknowledging ended badly");
        }
    }
}

async fn run(
    redis: Redis,
    mut connection: Line,
    mut receiver: mpsc::UnboundedReceiver<Option<Settled>>,
    closing: CancellationToken,
) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    let mut is_over = false;
    while !is_over && receiver.recv_many(&mut group, MAX_GROUP).await > 0 {
        is_over = group.iter().any(Option::is_none);
        let settled: Vec<Settled> = group.drain(..).flatten().collect();
        if settled.is_empty() {
            continue;
        }
        let mut delays = Delays::new();
        let mut last_tries = 0;
        while let Err(problem) = send(&mut connection, &settled).await {
            redis.saw(&Err::<(), _>(problem.clone()));
            if closing.is_cancelled() {
                last_tries += 1;
                if last_tries >= LAST_TRIES {
                    warn!(count = settled.len(), error = %problem, "cannot acknowledge at the end, other workers will find the work claimed");
                    break;
                }
            }
            warn!(count = settled.len(), error = %problem, "cannot acknowledge, will try again");
            if last_tries > 0 {
                delays.wait().await;
            } else if closing.run_until_cancelled(delays.wait()).await.is_none() {
                delays.reset();
            }
        }
    }
}

/// Tries at the end, when nobody waits for Redis to come back.
const LAST_TRIES: u32 = 3;

async fn send(connection: &mut Line, settled: &[Settled]) -> Result<(), RedisError> {
    let mut pipeline = redis::pipe();
    let mut done: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in settled {
        match one {
            Settled::Done { stream, entry } => done.entry(stream).or_default().push(entry),
            Settled::GivenBack { stream, entry, executions } => {
                pipeline.cmd("XADD").arg(stream).arg("*").arg("m").arg(WorkMessage::encode(executions)).ignore();
                done.entry(stream).or_default().push(entry);
            }
            Settled::PutAside { stream, entry, dead } => {
                set_aside(&mut pipeline, dead, entry);
                done.entry(stream).or_default().push(&entry.id);
            }
        }
    }
    for (stream, entries) in done {
        pipeline.cmd("XACK").arg(stream).arg(GROUP).arg(&entries).ignore();
        pipeline.cmd("XDEL").arg(stream).arg(&entries).ignore();
    }
    pipeline.query_async(connection).await
}

fn set_aside(pipeline: &mut Pipeline, dead: &str, entry: &StreamId) {
    let command =
        pipeline.cmd("XADD").arg(dead).arg("MAXLEN").arg("~").arg(MAX_DEAD).arg("*").arg("entry").arg(&entry.id);
    for (name, value) in &entry.map {
        if let Value::BulkString(bytes) = value {
            command.arg(format!("was:{name}")).arg(bytes);
        }
    }
    command.ignore();
}
