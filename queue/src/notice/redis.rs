//! Notices over Redis pub/sub, which forgets whom it did not reach.
//!
//! Every message has its publisher's number; a gap, a new connection or a long silence of the
//! connection makes the listener tell everybody to read again. A publisher repeats its last number
//! after a second, so that the loss of its last message is noticed as well, and now and then when it
//! has nothing to tell: a listener that hears not even its own process is at the end of a dead line.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use redis::RedisError;
use tokio::sync::{Mutex, broadcast, mpsc};
use tracing::{debug, error, warn};
use uuid::Uuid;

use super::{Notice, NoticeItem};
use crate::delays::Delays;
use crate::error::QueueError;
use crate::message::NoticeMessage;
use crate::supervise::keep_running;
use crate::work::{Line, Redis, RedisConfig};

/// Notices in one message at most.
const GROUP: usize = 1_000;
/// Notices that wait to be sent at most; beyond, they are dropped and the gap is noticed.
const WAITING: usize = 100_000;
/// How soon the last number is repeated.
const REPEAT: Duration = Duration::from_secs(1);
/// How many times that passes in quiet before it is repeated again.
const QUIET: u32 = 3;
/// A connection that is silent for so long is made anew: it may be dead without saying so.
const SILENCE: Duration = Duration::from_secs(8);
/// How long making a connection may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// Publishers that are remembered; the oldest are forgotten.
const PUBLISHERS: usize = 1_000;

#[derive(Debug, Clone)]
pub(super) struct RedisNotices(mpsc::Sender<Notice>);

impl RedisNotices {
    pub(super) fn start(config: &RedisConfig, local: broadcast::Sender<NoticeItem>) -> Result<Self, QueueError> {
        let redis = Redis::new(config)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let publishing = redis.clone();
        tokio::spawn(async move {
            let receiver = Mutex::new(receiver);
            keep_running("notice_publish", || async { publish(&publishing, &mut *receiver.lock().await).await }).await;
        });
        tokio::spawn(async move { keep_running("notice_listen", || listen(&redis, &local)).await });
        Ok(Self(sender))
    }

    pub(super) fn publish(&self, notices: Vec<Notice>) {
        for notice in notices {
            if self.0.try_send(notice).is_err() {
                metrics::counter!("sluice_notices_dropped_total").increment(1);
            }
        }
    }
}

fn channel(redis: &Redis) -> String {
    format!("{}:notices", redis.prefix)
}

async fn publish(redis: &Redis, receiver: &mut mpsc::Receiver<Notice>) {
    let mut connection = match Line::new(redis) {
        Ok(connection) => connection,
        Err(problem) => {
            return error!(error = %problem, "notices cannot be sent, listeners read again from time to time");
        }
    };
    let publisher = Uuid::now_v7();
    let (mut number, mut repeated, mut quiet) = (0_u64, 0_u64, 0_u32);
    let mut repeat = tokio::time::interval(REPEAT);
    let mut waiting = Vec::with_capacity(GROUP);
    loop {
        tokio::select! {
            count = receiver.recv_many(&mut waiting, GROUP) => {
                if count == 0 {
                    return;
                }
                number += 1;
            }
            _tick = repeat.tick() => {
                quiet += 1;
                if repeated == number && quiet < QUIET {
                    continue;
                }
                repeated = number;
            }
        }
        let list = waiting
            .drain(..)
            .map(|notice: Notice| (notice.organization, notice.execution, notice.seq, notice.ended))
            .collect();
        quiet = 0;
        let message = NoticeMessage { v: 1, p: publisher, n: number, l: list };
        let text = serde_json::to_string(&message).expect("notices are plain data");
        let sent: Result<u64, RedisError> =
            redis::cmd("PUBLISH").arg(channel(redis)).arg(text).query_async(&mut connection).await;
        if let Err(problem) = sent {
            metrics::counter!("sluice_notice_failures_total").increment(1);
            warn!(error = %problem, "a notice could not be sent, listeners notice the gap");
            // The gap must be told of once Redis is back.
            repeated = u64::MAX;
        }
    }
}

async fn listen(redis: &Redis, local: &broadcast::Sender<NoticeItem>) {
    let mut delays = Delays::new();
    loop {
        if let Err(problem) = listen_once(redis, local, &mut delays).await {
            debug!(error = %problem, "the connection for notices broke, it is made anew");
        }
        delays.wait().await;
    }
}

async fn listen_once(
    redis: &Redis,
    local: &broadcast::Sender<NoticeItem>,
    delays: &mut Delays,
) -> Result<(), RedisError> {
    let connecting = async {
        let mut connection = redis.client.get_async_pubsub().await?;
        connection.subscribe(channel(redis)).await?;
        Ok::<_, RedisError>(connection)
    };
    let connected = tokio::time::timeout(CONNECTING, connecting).await;
    let mut connection = connected.map_err(|_elapsed| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    delays.reset();
    // Whatever was told while there was no connection is lost.
    drop(local.send(NoticeItem::Resync));
    let mut numbers: BTreeMap<Uuid, u64> = BTreeMap::new();
    let mut messages = connection.on_message();
    while let Ok(Some(message)) = tokio::time::timeout(SILENCE, messages.next()).await {
        let Ok(message) = serde_json::from_slice::<NoticeMessage>(message.get_payload_bytes()) else {
            metrics::counter!("sluice_notices_unreadable_total").increment(1);
            drop(local.send(NoticeItem::Resync));
            continue;
        };
        if has_gap(&mut numbers, &message) {
            drop(local.send(NoticeItem::Resync));
        }
        for (organization, execution, seq, ended) in message.l {
            drop(local.send(NoticeItem::Notice(Notice { organization, execution, seq, ended })));
        }
    }
    Ok(())
}

/// Whether messages of this publisher are missing before this one.
fn has_gap(numbers: &mut BTreeMap<Uuid, u64>, message: &NoticeMessage) -> bool {
    let known = numbers.insert(message.p, message.n);
    if numbers.len() > PUBLISHERS {
        numbers.pop_first();
    }
    match known {
        // A message without notices repeats the last number.
        Some(known) if message.l.is_empty() => message.n != known,
        Some(known) => message.n != known + 1,
        // A publisher that is heard for the first time by what it repeats has said something that was not heard.
        None => message.n > 0 && message.l.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_is_noticed_and_a_repeated_one_is_not() {
        let publisher = Uuid::now_v7();
        let notice = (OrganizationId::new(), ExecutionId::new(), 1, false);
        let message = |n: u64, is_full: bool| NoticeMessage {
            v: 1,
            p: publisher,
            n,
            l: if is_full { vec![notice] } else { Vec::new() },
        };
        let mut numbers = BTreeMap::new();
        let heard = [
            (1, true, false),
            (2, true, false),
            (2, false, false),
            (4, true, true),
            (5, true, false),
            (6, false, true),
        ];
        for (number, is_full, gap) in heard {
            assert_eq!(has_gap(&mut numbers, &message(number, is_full)), gap, "message {number}");
        }
    }

    #[test]
    fn a_first_notice_that_was_lost_is_noticed_by_its_repeated_number() {
        let message = |n| NoticeMessage { v: 1, p: Uuid::now_v7(), n, l: Vec::new() };
        assert!(!has_gap(&mut BTreeMap::new(), &message(0)), "it has said nothing yet");
        assert!(has_gap(&mut BTreeMap::new(), &message(1)));
    }

    use ids::{ExecutionId, OrganizationId};
}
