//! Pushes again what is queued in the database and nobody claimed: the queue may have lost it.

use std::time::Duration;

use super::ReconcileError;
use crate::context::Context;
use crate::wake;

/// How long an execution may stay unclaimed before it is pushed again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same while the queue has work in it: then what is queued most likely waits for its turn, and
/// pushing it again would only make the queue longer.
const PATIENCE_WITH_BACKLOG: Duration = Duration::from_mins(1);

/// How many are pushed again in one run at most; the next tick takes the next ones.
const LIMIT: u64 = 20_000;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let now = context.now();
    let patience = if has_backlog(context).await { PATIENCE_WITH_BACKLOG } else { PATIENCE };
    let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
    let runnable = context.store().stale_queued(now.0 - patience_ms, now.0, LIMIT).await?;
    let count = runnable.len() as u64;
    wake::push(context, runnable);
    Ok(count)
}

/// Whether a queue of this worker has tasks in it that nobody has taken.
async fn has_backlog(context: &Context) -> bool {
    let mut waiting = 0;
    for queue in &context.queues {
        // Away is as good as empty: what is queued is pushed again, and found in the database meanwhile.
        let backlog = context.services.queue().backlog(queue).await;
        let backlog = backlog.map_or(0, |backlog| backlog.waiting.saturating_sub(backlog.pending));
        metrics::gauge!("sluice_queue_backlog", "queue" => queue.clone()).set(backlog as f64);
        waiting += backlog;
    }
    waiting > 0
}
