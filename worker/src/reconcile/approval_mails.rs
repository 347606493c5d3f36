//! Asks whoever may decide an approval that was opened, by mail.

use super::ReconcileError;
use crate::context::Context;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    Ok(service::approvals::ask_by_mail(&context.services).await?)
}
