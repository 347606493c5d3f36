//! Reads entries for one consumer, and keeps what it has from being taken by others.

use std::sync::Arc;
use std::time::Duration;

use redis::streams::{StreamId, StreamReadReply};
use redis::{RedisError, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::acknowledge::{Acknowledger, InHand};
use super::line::Line;
use super::names::{GROUP, dead_letters, stream};
use super::{Redis, recover};
use crate::delays::Delays;
use crate::message::WorkMessage;
use crate::supervise::keep_running;
use crate::work::ack::Receipt;
use crate::work::{ConsumerConfig, Priority, WorkItem};

/// How long one blocking read lasts; also how late a stop may be noticed.
const BLOCK: Duration = Duration::from_secs(1);

/// What fetching and recovering work with.
pub(super) struct Fetcher {
    pub(super) redis: Redis,
    pub(super) config: ConsumerConfig,
    /// The streams with the queue each belongs to, the most urgent first.
    pub(super) streams: Vec<(String, String)>,
    pub(super) consumer: String,
    pub(super) acknowledger: Acknowledger,
}

/// Feeds `items` until `stop`; then acknowledges what is settled, and ends.
pub(super) async fn run(redis: Redis, config: ConsumerConfig, items: mpsc::Sender<WorkItem>, stop: CancellationToken) {
    let (reading, plain) = match (Line::patient(&redis, BLOCK * 5), Line::new(&redis)) {
        (Ok(reading), Ok(plain)) => (reading, plain),
        (Err(problem), _) | (_, Err(problem)) => {
            error!(error = %problem, "no work can be read from Redis, workers look into the database");
            return;
        }
    };
    let streams = Priority::ALL
        .into_iter()
        .flat_map(|priority| config.queues.iter().map(move |queue| (queue, priority)))
        .map(|(queue, priority)| (stream(&redis.prefix, queue, priority, config.lane), queue.clone()))
        .collect();
    let consumer = config.worker.to_string();
    let acknowledger = Acknowledger::start(redis.clone(), plain.clone());
    let fetcher = Arc::new(Fetcher { redis, config, streams, consumer, acknowledger });
    let recovering = tokio::spawn({
        let (fetcher, items, stop) = (Arc::clone(&fetcher), items.clone(), stop.clone());
        async move {
            keep_running("queue_recover", || {
                recover::run(Arc::clone(&fetcher), plain.clone(), items.clone(), stop.clone())
            })
            .await;
        }
    });
    keep_running("queue_fetch", || fetch(&fetcher, reading.clone(), &items, &stop)).await;
    drop(items);
    if let Err(problem) = recovering.await {
        error!(error = %problem, "recovering entries of dead workers ended badly");
    }
    fetcher.acknowledger.close().await;
}

/// A read is never given up half-way: what it was given would wait until it counts as left behind.
async fn fetch(fetcher: &Fetcher, mut connection: Line, items: &mpsc::Sender<WorkItem>, stop: &CancellationToken) {
    let mut delays = Delays::new();
    // A group that exists already, the usual case, is found out by reading.
    let mut has_groups = false;
    loop {
        // The back-pressure: nothing is read while there is no place for it.
        let Some(Ok(place)) = stop.run_until_cancelled(items.reserve()).await else { return };
        drop(place);
        let read = if has_groups {
            read(fetcher, &mut connection, items.capacity()).await
        } else {
            make_groups(fetcher, &mut connection).await.map(|()| StreamReadReply { keys: Vec::new() })
        };
        fetcher.redis.saw(&read);
        match read {
            Ok(reply) => {
                has_groups = true;
                fetcher.config.pulse.beat();
                delays.reset();
                deliver(fetcher, reply, items).await;
            }
            Err(problem) if problem.code() == Some("NOGROUP") => {
                info!("the streams were emptied, the consumer group is made again");
                has_groups = false;
            }
            Err(problem) => {
                has_groups = has_groups && problem.code() != Some("WRONGTYPE");
                warn!(error = %problem, redis = %fetcher.redis.address, "cannot read work from Redis at {}, will try again", fetcher.redis.address);
                if stop.run_until_cancelled(delays.wait()).await.is_none() {
                    return;
                }
            }
        }
    }
}

async fn make_groups(fetcher: &Fetcher, connection: &mut Line) -> Result<(), RedisError> {
    for (stream, _queue) in &fetcher.streams {
        // From the beginning: what was pushed before the group existed is wanted too.
        let made: Result<Value, RedisError> = redis::cmd("XGROUP")
            .arg("CREATE")
            .arg(stream)
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM")
            .query_async(connection)
            .await;
        match made {
            Err(problem) if problem.code() == Some("WRONGTYPE") => {
                error!(stream, "the key `{stream}` was no stream but something else, it is removed");
                let _removed: Value = redis::cmd("DEL").arg(stream).query_async(connection).await?;
                // Made in the next round.
                return Err(problem);
            }
            Err(problem) if problem.code() != Some("BUSYGROUP") => return Err(problem),
            _made_or_there => {}
        }
    }
    Ok(())
}

async fn read(fetcher: &Fetcher, connection: &mut Line, room: usize) -> Result<StreamReadReply, RedisError> {
    let mut command = redis::cmd("XREADGROUP");
    command
        .arg("GROUP")
        .arg(GROUP)
        .arg(&fetcher.consumer)
        .arg("COUNT")
        .arg(room.max(1))
        .arg("BLOCK")
        .arg(BLOCK.as_secs() * 1_000)
        .arg("STREAMS");
    for (stream, _queue) in &fetcher.streams {
        command.arg(stream);
    }
    for _stream in &fetcher.streams {
        command.arg(">");
    }
    let reply: Option<StreamReadReply> = command.query_async(connection).await?;
    Ok(reply.unwrap_or(StreamReadReply { keys: Vec::new() }))
}

/// Hands on what was read. All of it was read already, so the order is that of urgency: each stream
/// gave as much as there was room for, and none is left out.
async fn deliver(fetcher: &Fetcher, reply: StreamReadReply, items: &mpsc::Sender<WorkItem>) {
    let mut keys = reply.keys;
    keys.sort_by_key(|key| fetcher.streams.iter().position(|(stream, _)| *stream == key.key));
    for key in keys {
        let queue = fetcher
            .streams
            .iter()
            .find(|(stream, _)| *stream == key.key)
            .map(|(_, queue)| queue.clone())
            .unwrap_or_default();
        for entry in key.ids {
            fetcher.hand_on(&key.key, &queue, entry, items).await;
        }
    }
}

impl Fetcher {
    /// Hands one entry on, or puts it aside when it cannot be read.
    pub(super) async fn hand_on(&self, stream: &str, queue: &str, entry: StreamId, items: &mpsc::Sender<WorkItem>) {
        let body = match entry.map.get("m") {
            Some(Value::BulkString(body)) => WorkMessage::decode(body),
            _absent => Err(crate::message::BadMessage::NoBody),
        };
        match body {
            Ok(executions) => {
                let in_hand = InHand { stream: stream.to_owned(), entry: entry.id, executions: executions.clone() };
                let receipt = Receipt::new(self.acknowledger.take(in_hand));
                let item = WorkItem { executions, receipt };
                if let Err(closed) = items.send(item).await {
                    closed.0.receipt.give_back();
                }
            }
            Err(problem) => {
                metrics::counter!("sluice_queue_dead_letters_total").increment(1);
                error!(stream, entry = %entry.id, error = %problem, "entry {} of `{stream}` cannot be read, it is put aside", entry.id);
                let dead = dead_letters(&self.redis.prefix, queue);
                self.acknowledger.put_aside(stream.to_owned(), entry, dead);
            }
        }
    }

    /// When a look for entries of dead workers is due again.
    pub(super) fn next_recovery(&self) -> Instant {
        Instant::now() + self.config.claim_idle / 3
    }
}
