//! Cancels what an execution that has ended was waiting for: whoever ended it died before it had told everybody.

use std::sync::PoisonError;

use super::ReconcileError;
use crate::context::Context;

/// Children that one run looks at; the next run goes on behind them.
const LIMIT: u64 = 500;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let place = context.forsaken_place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (count, place) = service::executions::give_up_forsaken(&context.services, place, LIMIT).await?;
    *context.forsaken_place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    Ok(count)
}
