//! Takes over entries of workers that died, and keeps this worker's own from looking dead.

use std::sync::Arc;

use redis::RedisError;
use redis::streams::{StreamClaimReply, StreamPendingCountReply, StreamPendingReply};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::fetch::Fetcher;
use super::line::Line;
use super::names::{GROUP, dead_letters, streams};
use crate::work::WorkItem;

/// Entries taken over from one stream at a time.
const AT_ONCE: usize = 100;
/// Deliveries after which an entry is put aside: something about it ends workers.
const MAX_DELIVERIES: usize = 10;

/// Looks again and again until `stop`.
pub(super) async fn run(
    fetcher: Arc<Fetcher>,
    mut connection: Line,
    items: mpsc::Sender<WorkItem>,
    stop: CancellationToken,
) {
    loop {
        let pause = tokio::time::sleep_until(fetcher.next_recovery());
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
        let looked = async {
            renew(&fetcher, &mut connection).await?;
            take_over(&fetcher, &mut connection, &items).await
        };
        match stop.run_until_cancelled(looked).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(count)) => info!(count, "took over {count} entries of silent workers"),
            // The streams were emptied: fetching makes the group again.
            Some(Err(problem)) if problem.code() == Some("NOGROUP") => {}
            Some(Err(problem)) => warn!(error = %problem, "cannot look for entries of silent workers, will try again"),
        }
    }
}

/// Makes the entries in hand look fresh, however long their handlers take.
async fn renew(fetcher: &Fetcher, connection: &mut Line) -> Result<(), RedisError> {
    for (stream, entries) in fetcher.acknowledger.in_hand() {
        for part in entries.chunks(AT_ONCE) {
            let command = &mut redis::cmd("XCLAIM");
            command.arg(&stream).arg(GROUP).arg(&fetcher.consumer).arg(0).arg(part).arg("JUSTID");
            let _renewed: redis::Value = command.query_async(connection).await?;
        }
    }
    Ok(())
}

async fn take_over(
    fetcher: &Fetcher,
    connection: &mut Line,
    items: &mpsc::Sender<WorkItem>,
) -> Result<usize, RedisError> {
    let idle = u64::try_from(fetcher.config.claim_idle.as_millis()).unwrap_or(u64::MAX);
    let mut count = 0;
    for (stream, queue) in &fetcher.streams {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(stream).arg(GROUP).arg("IDLE").arg(idle).arg("-").arg("+").arg(AT_ONCE);
        let silent: StreamPendingCountReply = pending.query_async(connection).await?;
        let own = fetcher.acknowledger.in_hand();
        let own = own.get(stream);
        let entries: Vec<(String, usize)> = silent
            .ids
            .into_iter()
            .filter(|entry| own.is_none_or(|own| !own.contains(&entry.id)))
            .map(|entry| (entry.id, entry.times_delivered))
            .collect();
        if entries.is_empty() {
            continue;
        }
        let ids: Vec<&str> = entries.iter().map(|(id, _)| id.as_str()).collect();
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(stream).arg(GROUP).arg(&fetcher.consumer).arg(idle).arg(&ids);
        let claimed: StreamClaimReply = claim.query_async(connection).await?;
        count += claimed.ids.len();
        for entry in claimed.ids {
            let deliveries = entries.iter().find(|(id, _)| *id == entry.id).map_or(0, |(_, deliveries)| *deliveries);
            if deliveries >= MAX_DELIVERIES {
                metrics::counter!("sluice_queue_dead_letters_total").increment(1);
                warn!(stream, entry = %entry.id, deliveries, "entry {} of `{stream}` was delivered {deliveries} times, it is put aside", entry.id);
                fetcher.acknowledger.put_aside(stream.clone(), entry, dead_letters(&fetcher.redis.prefix, queue));
            } else {
                fetcher.hand_on(stream, queue, entry, items).await;
            }
        }
    }
    Ok(count)
}

/// How many entries of a queue were delivered and not acknowledged.
pub(super) async fn pending(connection: &mut Line, prefix: &str, queue: &str) -> Result<u64, RedisError> {
    let mut total = 0;
    for stream in streams(prefix, queue) {
        let asked: Result<StreamPendingReply, RedisError> =
            redis::cmd("XPENDING").arg(stream).arg(GROUP).query_async(connection).await;
        match asked {
            Ok(reply) => total += reply.count() as u64,
            Err(problem) if problem.code() == Some("NOGROUP") => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(total)
}
