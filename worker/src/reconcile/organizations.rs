//! Deletes what organizations left behind whose end is long ago, in small groups.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    Ok(service::identity::organizations::purge(&context.services).await?)
}
