//! Tells the fleet that executions can run. Only a hint: a push that fails is counted, and the
//! requeue reconciler pushes again what nobody claimed.

use std::collections::BTreeMap;

use ids::{ExecutionId, OrganizationId};
use store::Runnable;
use tracing::warn;

use crate::error::chain;
use crate::executions::queue_priority;
use crate::services::Services;

/// Pushes `runnable`, grouped by organization, queue and priority.
pub fn push(services: &Services, runnable: impl IntoIterator<Item = Runnable>) {
    let mut groups: BTreeMap<(OrganizationId, String, queue::Priority), Vec<ExecutionId>> = BTreeMap::new();
    for one in runnable {
        groups.entry((one.organization, one.queue, queue_priority(one.priority))).or_default().push(one.id);
    }
    for ((organization, queue, priority), ids) in groups {
        if let Err(problem) = services.queue().push(organization, &queue, priority, &ids) {
            metrics::counter!("sluice_queue_push_failures_total").increment(1);
            warn!(queue = %queue, count = ids.len(), error = %chain(&problem), "cannot push {} executions to queue `{queue}`, the requeue reconciler will", ids.len());
        }
    }
}
