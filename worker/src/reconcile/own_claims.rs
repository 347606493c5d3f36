//! Hands back claims of this worker that it does not drive.
//!
//! Such a claim exists when the database committed it but the answer was lost, or when a drive
//! gave up because a commit's outcome was unknown. The heartbeat keeps it alive, so no other
//! worker would ever take it.

use super::ReconcileError;
use crate::context::Context;
use crate::wake;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    if !context.claims_in_doubt.swap(false, std::sync::atomic::Ordering::SeqCst) {
        return Ok(0);
    }
    let outcome = hand_back(context).await;
    if outcome.is_err() {
        context.doubt_claims();
    }
    outcome
}

async fn hand_back(context: &Context) -> Result<u64, ReconcileError> {
    // No claim is under way while this is held, so what the database shows and nobody drives is lost.
    let _no_claims = context.claiming.write().await;
    let mut count = 0;
    for (id, epoch) in context.store().claims_of(context.worker).await? {
        if context.driving.contains(id, epoch) {
            continue;
        }
        if let Some(runnable) = context.store().hand_back(context.worker, id, epoch, context.now().0).await? {
            wake::push(context, vec![runnable]);
            count += 1;
        }
    }
    Ok(count)
}
