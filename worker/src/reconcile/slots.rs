//! Gives free slots to executions that wait for one: whoever held them died before it gave them back.

use std::sync::PoisonError;

use super::ReconcileError;
use crate::context::Context;

/// Keys in one run at most; the next run goes on behind them.
const LIMIT: usize = 100;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let place = context.slots_place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (count, place) = service::slots::give(&context.services, place, LIMIT).await?;
    *context.slots_place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    Ok(count)
}
