//! Fires schedules whose time has come, each point in time once in the whole fleet.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    Ok(service::schedules::tick(&context.services).await?)
}
