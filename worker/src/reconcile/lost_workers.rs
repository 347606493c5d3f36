//! Takes back the executions of workers whose heartbeat stopped for longer than the lease.

use tracing::warn;

use super::ReconcileError;
use crate::context::Context;
use crate::wake;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let now = context.now();
    let lease_ms = i64::try_from(context.lease.length().as_millis()).unwrap_or(i64::MAX);
    let runnable = context.store().lost_workers(now.0 - lease_ms, now.0).await?;
    let count = runnable.len() as u64;
    if count > 0 {
        warn!(count, "{count} executions of silent workers go back to the queue");
    }
    wake::push(context, runnable);
    Ok(count)
}
