//! Routes events that were accepted but whose routing was cut off by a crash.

use std::time::Duration;

use super::ReconcileError;
use crate::context::Context;

/// How long routing may take before somebody else does it; doing it twice starts nothing twice.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many are routed in one run at most.
const LIMIT: u64 = 200;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    Ok(service::events::route_forgotten(&context.services, context.now().0 - patience_ms, LIMIT).await?)
}
