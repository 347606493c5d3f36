//! From a task in the queue to executions that run: take slots, claim, acknowledge, drive.

use std::sync::Arc;

use apalis::prelude::{BoxDynError, Data};
use ids::ExecutionId;
use queue::{Lane, WorkItem};
use store::{Claimed, StoreError};
use tracing::{debug, warn};

use crate::context::Context;
use crate::drive;
use crate::lease::Term;
use crate::retry::Delays;
use crate::slots::Slot;

/// Handles one task. It is acknowledged when this returns without error: from then on the claim
/// in the database protects its executions.
///
/// # Errors
/// When the worker shuts down before all executions of the task were claimed; the queue gives the
/// task to another worker.
pub(crate) async fn handle(item: WorkItem, context: Data<Arc<Context>>, lane: Data<Lane>) -> Result<(), BoxDynError> {
    let mut remaining = item.executions;
    while !remaining.is_empty() {
        let slots = context.slots.take(*lane, remaining.len()).await?;
        let ids: Vec<ExecutionId> = remaining.drain(..slots.len()).collect();
        claim(&context, slots, &ids).await?;
    }
    store::crash::point("task.unacknowledged");
    Ok(())
}

/// Claims `ids` and drives what it got; what others have or what has ended needs nothing.
async fn claim(context: &Arc<Context>, slots: Vec<Slot>, ids: &[ExecutionId]) -> Result<(), BoxDynError> {
    let mut delays = Delays::unbounded();
    loop {
        // While the lease is in doubt a claim would only keep the executions from other workers.
        let term = tokio::select! {
            term = context.lease.safe() => term,
            () = context.hand_back.cancelled() => return Err("the worker shuts down".into()),
        };
        let claiming = context.claiming.read().await;
        store::crash::point("claim.before");
        match context.store().claim(context.worker, ids, context.now().0).await {
            Ok(claimed) => {
                store::crash::point("claim.committed");
                debug!(asked = ids.len(), got = claimed.len(), "claimed {} of {} executions", claimed.len(), ids.len());
                begin(context, claimed, slots, term);
                return Ok(());
            }
            Err(problem) => {
                drop(claiming);
                doubt(context, &problem);
                // Holding the task and its slots is the back-pressure: nothing is fetched that cannot be claimed.
                tokio::select! {
                    () = tokio::time::sleep(delays.next()) => {}
                    () = context.hand_back.cancelled() => return Err(problem.into()),
                }
            }
        }
    }
}

/// Claims what the database has, without the queue: for when the queue is away.
pub(crate) async fn poll(context: &Arc<Context>, queues: &[String]) {
    let slots = context.slots.take_free(POLL_LIMIT);
    if slots.is_empty() {
        context.signs.polled.beat();
        return;
    }
    let Some(term) = context.lease.safe_term() else { return };
    let claiming = context.claiming.read().await;
    match context.store().claim_next(context.worker, queues, slots.len() as u64, context.now().0).await {
        Ok(claimed) => {
            context.signs.polled.beat();
            begin(context, claimed, slots, term);
        }
        Err(problem) => {
            drop(claiming);
            doubt(context, &problem);
        }
    }
}

/// How many executions are claimed in one poll at most.
const POLL_LIMIT: usize = 500;

fn begin(context: &Arc<Context>, claimed: Vec<Claimed>, slots: Vec<Slot>, term: Term) {
    context.tally.last_fetch_at_ms.store(context.now().0, std::sync::atomic::Ordering::SeqCst);
    for (claimed, slot) in claimed.into_iter().zip(slots) {
        drive::spawn(context, claimed, slot, term);
    }
}

fn doubt(context: &Context, problem: &StoreError) {
    // The claim may have been committed although its answer was lost.
    context.doubt_claims();
    metrics::counter!("sluice_claim_failures_total").increment(1);
    warn!(error = %service::chain(problem), "cannot claim, will try again");
}
