//! Writes the worker's heartbeat, in a task of its own, whatever the load.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use store::{StoreError, WorkerRow};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::Context;
use crate::faults;
use crate::runtime::WorkerConfig;

/// Writes one heartbeat; the lease counts from before it was sent.
pub(crate) async fn beat(context: &Context, config: &WorkerConfig) -> Result<(), StoreError> {
    let sent = Instant::now();
    let now_ms = context.now().0;
    let tally = &context.tally;
    let row = WorkerRow {
        id: context.worker,
        name: config.name.clone(),
        queues: config.queues.clone(),
        slots: i32::try_from(context.slots.size()).unwrap_or(i32::MAX),
        started_at_ms: now_ms,
        heartbeat_at_ms: now_ms,
        draining: tally.draining.load(Ordering::SeqCst),
        host: config.host.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lease_ms: i64::try_from(config.lease.as_millis()).unwrap_or(i64::MAX),
        busy_slots: i32::try_from(context.slots.in_use()).unwrap_or(i32::MAX),
        processed: tally.processed.load(Ordering::SeqCst),
        failed: tally.failed.load(Ordering::SeqCst),
        last_fetch_at_ms: Some(tally.last_fetch_at_ms.load(Ordering::SeqCst)).filter(|at| *at > 0),
        drain_asked_at_ms: None,
        stopped_at_ms: None,
    };
    let is_to_drain = context.store().heartbeat(row).await?;
    context.lease.renew(sent);
    if is_to_drain && !context.drain.is_cancelled() {
        info!(worker.id = %context.worker, "worker {} was asked to drain", context.worker);
        tally.draining.store(true, Ordering::SeqCst);
        context.drain.cancel();
    }
    Ok(())
}

/// A try that takes half of the lease is given up: over a new connection the next one may still be in time.
async fn beat_in_time(context: &Context, config: &WorkerConfig) {
    let limit = context.lease.length() / 2;
    let problem = match tokio::time::timeout(limit, beat(context, config)).await {
        Ok(Ok(())) => return,
        Ok(Err(problem)) => service::chain(&problem).to_string(),
        Err(_elapsed) => format!("it took longer than {limit:?}"),
    };
    metrics::counter!("sluice_heartbeat_failures_total").increment(1);
    warn!(error = problem, "cannot write the heartbeat, will try again");
}

/// Beats until `stop`.
pub(crate) async fn run(context: Arc<Context>, config: WorkerConfig, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(context.lease.heartbeat_period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _tick = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        faults::point(&context, "heartbeat");
        beat_in_time(&context, &config).await;
        metrics::gauge!("sluice_worker_slots_in_use").set(context.slots.in_use() as f64);
    }
}
