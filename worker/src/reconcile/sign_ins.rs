//! Removes sessions, tokens and failures to sign in whose time is long over.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    Ok(service::identity::sweep::run(&context.services).await?)
}
