//! Tells the executions that wait for an event.
//!
//! An execution decides for itself whether an event is what it waits for; here only those are left out
//! for which that can be told without their state. Telling twice does no harm: an execution takes in an
//! event once.

use engine::machine::{Signal, agrees, correlations};
use engine::pattern::EventPattern;
use serde_json::Value;
use store::{EventRow, EventWait, NewSignal};

use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::{Told, tell};

/// Waits looked at together.
const PAGE: u64 = 500;

/// Tells every execution that may wait for `row`.
pub(super) async fn tell_waiting(services: &Services, row: &EventRow, payload: &Value) -> Result<(), ServiceError> {
    let about = correlations(&row.event_type, payload);
    let mut after = 0;
    loop {
        let waits =
            services.store().event_waits(row.organization_id, &row.event_type, about.as_deref(), after, PAGE).await?;
        let is_last = (waits.len() as u64) < PAGE;
        after = waits.last().map_or(after, |wait| wait.position);
        let mut told: Vec<NewSignal> = Vec::new();
        for wait in waits {
            if told.iter().all(|known| known.execution_id != wait.execution_id)
                && may_fit(services, &wait, row, payload)?
            {
                told.push(signal(row, payload).row(row.organization_id, wait.execution_id));
            }
        }
        tell(services, told).await?;
        if is_last {
            return Ok(());
        }
    }
}

fn may_fit(services: &Services, wait: &EventWait, row: &EventRow, payload: &Value) -> Result<bool, ServiceError> {
    if !EventPattern::parse(&wait.event).is_ok_and(|pattern| pattern.matches(&row.event_type)) {
        return Ok(false);
    }
    let Some(text) = &wait.keys else { return Ok(true) };
    let keys: Vec<(String, Value)> = serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a stored wait cannot be read", source: error.into() })?;
    Ok(agrees(&keys, payload, services.now()))
}

/// What an execution is told of an event.
#[must_use]
pub fn signal(row: &EventRow, payload: &Value) -> Told {
    let what = Signal::Event { id: row.id.to_string(), event: row.event_type.clone(), payload: payload.clone() };
    Told::Signal { what }
}
