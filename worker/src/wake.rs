//! Tells the fleet that executions can run. Only a hint: a push that fails is counted, and the
//! requeue reconciler pushes again what nobody claimed.

use std::collections::BTreeMap;

use store::Runnable;
use tracing::warn;

use crate::context::Context;

/// Pushes `runnable`, grouped by queue and priority.
pub(crate) async fn push(context: &Context, runnable: Vec<Runnable>) {
    let mut groups: BTreeMap<(String, queue::Priority), Vec<ids::ExecutionId>> = BTreeMap::new();
    for one in runnable {
        let priority = service::queue_priority(one.priority);
        groups.entry((one.queue, priority)).or_default().push(one.id);
    }
    for ((queue, priority), ids) in groups {
        if let Err(problem) = context.services.queue().push(&queue, priority, &ids) {
            metrics::counter!("sluice_queue_push_failures_total").increment(1);
            warn!(queue = %queue, count = ids.len(), error = %service::chain(&problem), "cannot push {} executions to queue `{queue}`, the requeue reconciler will", ids.len());
        }
    }
}
