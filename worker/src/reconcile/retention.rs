//! Deletes ended executions and routed events whose time is over, in small groups.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let mut place = context.retention_place.lock().await;
    Ok(service::retention::sweep(&context.services, &mut place).await?)
}
