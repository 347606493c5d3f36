//! Wakes executions whose time has come: back-off delays and, later, timers and deadlines.

use super::ReconcileError;
use crate::context::Context;
use crate::wake;

/// How many waits are taken in one statement.
const LIMIT: u64 = 1_000;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let mut count = 0;
    loop {
        let runnable = context.store().due_waits(context.now().0, LIMIT).await?;
        let taken = runnable.len() as u64;
        count += taken;
        wake::push(context, runnable);
        if taken < LIMIT {
            return Ok(count);
        }
    }
}
