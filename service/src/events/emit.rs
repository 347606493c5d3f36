//! Accepts an event: durable first, then routed; a crash in between is made good by a reconciler.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use ids::EventId;
use queue::Notice;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{EventOutcome, EventRow, NewEvent};

use super::route;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// An event as its sender states it.
#[derive(Debug, Clone)]
pub struct EmitRequest {
    /// Name, such as `order.checkout.initiated`.
    pub event_type: String,
    /// Data, an object.
    pub payload: Value,
    /// Sender; the caller when absent.
    pub source: Option<String>,
    /// What it is about, such as `order/123`.
    pub subject: Option<String>,
    /// When it happened; now when absent.
    pub occurred_at: Option<Timestamp>,
    /// Accepted once within seven days.
    pub deduplication_key: Option<String>,
    /// How many executions in a row led to it: 0 when it comes from outside.
    pub depth: i16,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// The event, routed.
    pub event: EventRow,
    /// False when its deduplication key was known.
    pub is_new: bool,
}

/// Longest name of an event, in bytes.
pub(crate) const MAX_NAME: usize = 200;
/// Longest source, subject or deduplication key, in characters.
const MAX_TEXT: usize = 255;

/// Accepts an event and starts what it triggers.
///
/// # Errors
/// `Forbidden`; mistakes of the caller, all at once; `DUPLICATE` when the deduplication key was used
/// with another event; the database away.
#[boxed]
pub async fn emit(services: &Services, viewer: &Viewer, request: EmitRequest) -> Result<Emitted, ServiceError> {
    viewer.require(Permission::EventEmit)?;
    let new = prepare(services, viewer, request)?;
    let (row, is_new) = accept(services, new).await?;
    let named = if is_new { "event.emitted" } else { "event.found" };
    let about = json!({ "source": row.source, "subject": row.subject });
    viewer.origin.trail.note(Change::of("event", row.id, &row.event_type).named(named).after(about));
    // A known event may still be unrouted: its first sender's process may have died in between.
    let event = if row.routed_at_ms.is_none() { route::route(services, row).await? } else { row };
    Ok(Emitted { event, is_new })
}

/// Checks `request` and builds the row.
pub(super) fn prepare(services: &Services, viewer: &Viewer, request: EmitRequest) -> Result<NewEvent, ServiceError> {
    let payload = checked(services, &request)?;
    let now = services.now();
    let fingerprint = fingerprint(&request.event_type, &payload);
    let about = engine::machine::subject(&request.event_type, &request.payload);
    Ok(NewEvent {
        id: EventId::at(now.0),
        organization_id: viewer.organization,
        event_type: request.event_type,
        source: request.source.unwrap_or_else(|| viewer.actor.display_name.clone()),
        subject: request.subject,
        payload,
        deduplication_key: request.deduplication_key,
        fingerprint,
        occurred_at_ms: request.occurred_at.unwrap_or(now).0,
        received_at_ms: now.0,
        depth: request.depth,
        about,
        replay_of: None,
        only_workflows: None,
    })
}

/// Records an event; as it is then, and whether it is new.
pub(super) async fn accept(services: &Services, new: NewEvent) -> Result<(EventRow, bool), ServiceError> {
    let organization = new.organization_id;
    let admitted = services.admission().admit([new.payload.len()])?;
    let (id, is_new) = settle(services.store().insert_event(new).await?)?;
    drop(admitted);
    if is_new {
        services.notices().publish(vec![Notice::of(organization)]);
    }
    let row = services.store().event(organization, id).await?;
    Ok((row.ok_or_else(|| missing(id))?, is_new))
}

/// What the database made of an event.
pub(super) fn settle(outcome: EventOutcome) -> Result<(EventId, bool), ServiceError> {
    match outcome {
        EventOutcome::New(id) => Ok((id, true)),
        EventOutcome::Existing { event_id, same_fingerprint: true } => Ok((event_id, false)),
        EventOutcome::Existing { event_id, same_fingerprint: false } => {
            let message = format!(
                "this deduplication key was used within seven days for {event_id}, with another name or payload"
            );
            let mistake = Mistake::new(Code::Duplicate, "deduplicationKey", message);
            Err(ServiceError::mistake(mistake.with_help("Use a new key for a new event; repeat an event unchanged.")))
        }
    }
}

pub(super) fn missing(id: EventId) -> ServiceError {
    ServiceError::Internal { what: "an accepted event is missing", source: id.to_string().into() }
}

/// The payload as JSON text, when the event can be accepted.
fn checked(services: &Services, request: &EmitRequest) -> Result<String, ServiceError> {
    let mut mistakes = Vec::new();
    if !is_event_name(&request.event_type) {
        let message = format!(
            "an event's name has parts of a-z, A-Z, 0-9, `_` and `-`, joined by dots, {MAX_NAME} bytes at most"
        );
        mistakes.push(Mistake::new(Code::Invalid, "type", message).with_help("Such as `order.checkout.initiated`."));
    }
    for (field, text) in
        [("source", &request.source), ("subject", &request.subject), ("deduplicationKey", &request.deduplication_key)]
    {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > MAX_TEXT || text.contains('\0')) {
            mistakes.push(Mistake::new(
                Code::Invalid,
                field,
                format!("`{field}` must have 1 to {MAX_TEXT} characters, none of them NUL"),
            ));
        }
    }
    if !request.payload.is_object() {
        mistakes.push(Mistake::new(
            Code::Invalid,
            "payload",
            "the payload must be an object: its keys are what workflows read",
        ));
    }
    let text = request.payload.to_string();
    let limit = services.settings().max_payload_bytes;
    if text.len() > limit {
        mistakes.push(Mistake::new(
            Code::TooLarge,
            "payload",
            format!("the payload has {} bytes, the limit is {limit}", text.len()),
        ));
    }
    if mistakes.is_empty() { Ok(text) } else { Err(ServiceError::Mistakes(mistakes)) }
}

pub(crate) fn is_event_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        })
}

/// Tells two events with the same deduplication key apart: SHA-256 over name and payload.
pub(super) fn fingerprint(event_type: &str, payload: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(event_type.len().to_le_bytes());
    hash.update(event_type);
    hash.update(payload);
    crate::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_are_dotted_words() {
        for name in ["order.created", "a", "Order-2.item_added.x"] {
            assert!(is_event_name(name), "{name}");
        }
        for name in
            ["", ".", "order.", ".created", "order..created", "order created", "order.*", "ördér", &"a".repeat(201)]
        {
            assert!(!is_event_name(name), "{name}");
        }
    }
}
