//! Writes the worker's heartbeat, in a task of its own, whatever the load.

use std::sync::Arc;

use store::{StoreError, WorkerRow};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::context::Context;
use crate::faults;
use crate::runtime::WorkerConfig;

/// Writes one heartbeat; the lease counts from before it was sent.
pub(crate) async fn beat(context: &Context, config: &WorkerConfig) -> Result<(), StoreError> {
    let sent = Instant::now();
    let now_ms = context.now().0;
    let row = WorkerRow {
        id: context.worker,
        name: config.name.clone(),
        queues: config.queues.clone(),
        slots: i32::try_from(context.slots.size()).unwrap_or(i32::MAX),
        started_at_ms: now_ms,
        heartbeat_at_ms: now_ms,
        draining: false,
    };
    context.store().heartbeat(row).await?;
    context.lease.renew(sent);
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
