//! Pushes again what is queued in the database and nobody claimed: the queue may have lost it.

use std::time::Duration;

use super::ReconcileError;
use crate::context::Context;
use crate::wake;

/// How long an execution may stay unclaimed before it is pushed again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many are pushed again in one run at most; the next tick takes the next ones.
const LIMIT: u64 = 5_000;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let now = context.now();
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    let runnable = context.store().stale_queued(now.0 - patience_ms, now.0, LIMIT).await?;
    let count = runnable.len() as u64;
    wake::push(context, runnable).await;
    Ok(count)
}
