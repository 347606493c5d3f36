//! Delivers signals that were recorded but whose delivery was cut off by a crash.

use std::time::Duration;

use super::ReconcileError;
use crate::context::Context;

/// How long delivering may take before somebody else does it; doing it twice does no harm.
const PATIENCE: Duration = Duration::from_secs(2);

/// Executions in one run at most.
const LIMIT: u64 = 1_000;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    Ok(service::signals::deliver_forgotten(&context.services, context.now().0 - patience_ms, LIMIT).await?)
}
