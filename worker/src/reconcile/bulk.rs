//! Goes on with work on many executions, a part at a time, each execution once in the whole fleet.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    Ok(service::bulk::tick(&context.services).await?)
}
