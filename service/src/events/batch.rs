//! Accepts many events at once; each is accepted or refused for itself.

use async_recursion::async_recursion as boxed;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::future::try_join_all;
use ids::EventId;
use queue::Notice;
use serde_json::json;
use store::{EventRow, NewEvent};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::emit::{EmitRequest, Emitted, missing, prepare, settle};
use super::route;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most events in one batch.
pub const MAX_BATCH: usize = 1_000;

/// Events that are routed at the same time: what they write gathers into few transactions.
const STARTED_AT_ONCE: usize = 50;

/// How long a caller waits for what became of its events.
const PATIENCE: Duration = Duration::from_secs(10);

/// Accepts `requests` in the order given, and routes them in that order; the results are in the same order. What was
/// accepted stays so, whatever comes after: the answer waits some seconds for what became of the events, and those that
/// are not routed by then, or cannot be now, are routed later.
///
/// # Errors
/// Only for the batch as a whole: `Forbidden`, no or too many items, the database away before anything was accepted.
#[boxed]
pub async fn emit_batch(
    services: &Services,
    viewer: &Viewer,
    requests: Vec<EmitRequest>,
) -> Result<Vec<Result<Emitted, ServiceError>>, ServiceError> {
    viewer.require(Permission::EventEmit)?;
    if !(1..=MAX_BATCH).contains(&requests.len()) {
        let message = format!("a batch has 1 to {MAX_BATCH} items, not {}", requests.len());
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "items", message)));
    }
    let mut new: Vec<NewEvent> = Vec::with_capacity(requests.len());
    let prepared: Vec<Result<(), ServiceError>> =
        requests.into_iter().map(|request| prepare(services, viewer, request).map(|one| new.push(one))).collect();
    let admitted = services.admission().admit(new.iter().map(|one| one.payload.len()))?;
    let outcomes = services.store().insert_events(new).await?;
    drop(admitted);
    services.notices().publish(vec![Notice::of(viewer.organization)]);
    let mut settled = outcomes.into_iter().map(settle);
    let accepted: Vec<Result<(EventId, bool), ServiceError>> = prepared
        .into_iter()
        .map(|one| one.and_then(|()| settled.next().unwrap_or_else(|| Err(missing_outcome()))))
        .collect();
    viewer.origin.trail.note(noted(viewer, &accepted));
    let ids: Vec<EventId> = accepted.iter().flatten().map(|(id, _)| *id).collect();
    let rows = services.store().events_by_ids(viewer.organization, &ids).await?;
    let mut rows: HashMap<EventId, EventRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let unrouted = in_order(&ids, &rows);
    for row in routed_in_time(services, unrouted).await {
        rows.insert(row.id, row);
    }
    let emitted = |(id, is_new): (EventId, bool)| {
        let event = rows.get(&id).cloned().ok_or_else(|| missing(id))?;
        Ok(Emitted { event, is_new })
    };
    Ok(accepted.into_iter().map(|one| one.and_then(emitted)).collect())
}

/// Those of `ids` that are not routed, each once: by its key, an event may stand there twice.
fn in_order(ids: &[EventId], rows: &HashMap<EventId, EventRow>) -> Vec<EventRow> {
    let mut seen = HashSet::new();
    let unrouted = ids.iter().filter_map(|id| rows.get(id)).filter(|row| row.routed_at_ms.is_none());
    unrouted.filter(|row| seen.insert(row.id)).cloned().collect()
}

/// Routes events in their order, and gives back those that are routed by the time at which the caller is answered;
/// the others are routed nevertheless.
async fn routed_in_time(services: &Services, unrouted: Vec<EventRow>) -> Vec<EventRow> {
    let (sender, mut routed) = mpsc::unbounded_channel();
    let services = services.clone();
    // In a task of its own, which goes on when the caller was answered, or is gone.
    tokio::spawn(async move {
        let mut left = unrouted.into_iter();
        loop {
            let group: Vec<EventRow> = left.by_ref().take(STARTED_AT_ONCE).collect();
            if group.is_empty() {
                return;
            }
            match route_together(&services, group).await {
                Ok(rows) => {
                    for row in rows {
                        // Whoever was answered listens no more.
                        if sender.send(row).is_err() {
                            break;
                        }
                    }
                }
                // They are accepted, and a reconciler routes what is not routed.
                Err(error) => tracing::warn!(error = %chain(&error), "events of a batch are routed later"),
            }
        }
    });
    let until = Instant::now() + PATIENCE;
    let mut rows = Vec::new();
    while let Ok(Some(row)) = tokio::time::timeout_at(until, routed.recv()).await {
        rows.push(row);
    }
    rows
}

/// Routes events: what they start begins at the same time, who waits is told in their order.
async fn route_together(services: &Services, group: Vec<EventRow>) -> Result<Vec<EventRow>, ServiceError> {
    let begun = try_join_all(group.into_iter().map(|row| route::begin(services, row))).await?;
    route::finish_together(services, begun).await
}

/// What the audit log tells of a batch: one entry, whatever its size.
fn noted(viewer: &Viewer, accepted: &[Result<(EventId, bool), ServiceError>]) -> Change {
    const NAMED: usize = 20;
    let new = || accepted.iter().flatten().filter(|(_, is_new)| *is_new);
    let first: Vec<_> = new().take(NAMED).map(|(id, _)| *id).collect();
    Change::of("organization", viewer.organization, "").named("event.batch_emitted").after(json!({
        "emitted": new().count(),
        "found": accepted.iter().flatten().filter(|(_, is_new)| !is_new).count(),
        "refused": accepted.iter().filter(|one| one.is_err()).count(),
        "firstEventIds": first,
    }))
}

fn missing_outcome() -> ServiceError {
    ServiceError::Internal { what: "an event has no outcome", source: "the store answered too few".into() }
}
