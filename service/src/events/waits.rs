//! Tells the executions that wait for an event.
//!
//! An execution decides for itself whether an event is what it waits for; here only those are left out
//! for which that can be told without their state. Telling twice does no harm: an execution takes in an
//! event once.

use std::collections::BTreeMap;

use engine::Timestamp;
use engine::machine::{Signal, agrees, correlations};
use engine::pattern::EventPattern;
use ids::ExecutionId;
use serde_json::Value;
use store::{EventRow, EventWait, ToldRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::{Told, tell};

/// Waits looked at together, at most.
const PAGE: usize = 500;
/// Bytes of payloads that are on their way to executions together, at most: each is told in a row of its own.
const MOST_BYTES: usize = 16 * 1_024 * 1_024;

/// Tells every execution that may wait for `row`.
pub(super) async fn tell_waiting(services: &Services, row: &EventRow, payload: &Value) -> Result<(), ServiceError> {
    let about = correlations(&row.event_type, payload);
    let page = (MOST_BYTES / row.payload.len().max(1)).clamp(1, PAGE) as u64;
    let mut after = 0;
    loop {
        let waits =
            services.store().event_waits(row.organization_id, &row.event_type, about.as_deref(), after, page).await?;
        let is_last = (waits.len() as u64) < page;
        after = waits.last().map_or(after, |wait| wait.position);
        // An execution may wait in several places: it is told when one of them fits.
        let mut held: BTreeMap<ExecutionId, bool> = BTreeMap::new();
        let mut order: Vec<ExecutionId> = Vec::new();
        for wait in waits.iter().filter(|wait| is_named(wait, row)) {
            let fits = may_fit(services, wait, payload)?;
            let known = held.entry(wait.execution_id).or_insert_with(|| {
                order.push(wait.execution_id);
                false
            });
            *known |= fits;
        }
        let noted = order.iter().map(|execution| ToldRow { execution: *execution, is_fitting: held[execution] });
        let noted: Vec<ToldRow> = noted.collect();
        // Before they are told: whoever goes on by an event is found with it.
        services.store().note_told(row.organization_id, row.id, &noted).await?;
        let told = noted.iter().filter(|one| one.is_fitting);
        let told = told.map(|one| signal(row, payload).row(row.organization_id, one.execution)).collect();
        tell(services, told).await?;
        if is_last {
            return Ok(());
        }
    }
}

/// Whether a wait is for events of this name.
fn is_named(wait: &EventWait, row: &EventRow) -> bool {
    EventPattern::parse(&wait.event).is_ok_and(|pattern| pattern.matches(&row.event_type))
}

fn may_fit(services: &Services, wait: &EventWait, payload: &Value) -> Result<bool, ServiceError> {
    let Some(text) = &wait.keys else { return Ok(true) };
    let keys: Vec<(String, Value)> = serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a stored wait cannot be read", source: error.into() })?;
    Ok(agrees(&keys, payload, services.now()))
}

/// What an execution is told of an event.
#[must_use]
pub fn signal(row: &EventRow, payload: &Value) -> Told {
    let (id, event, at) = (row.id.to_string(), row.event_type.clone(), Some(Timestamp(row.received_at_ms)));
    Told::Signal { what: Signal::Event { id, event, payload: payload.clone(), at } }
}
