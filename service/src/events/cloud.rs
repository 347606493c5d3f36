//! CloudEvents 1.0, and what they are here: `type`, `source` and `subject` as they are, `time` as the moment when it
//! happened, `data` as the payload, and `source` with `id` as the deduplication key.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use chrono::DateTime;
use engine::Timestamp;
use serde_json::{Map, Value};

use super::batch::emit_batch;
use super::emit::{EmitRequest, Emitted, emit};
use crate::audit::{self, Change, NewEntry, Outcome};
use crate::bounded_key;
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::services::Services;
use crate::viewer::Viewer;

/// The version that is understood.
const VERSION: &str = "1.0";
/// What headers of the binary mode begin with.
const PREFIX: &str = "ce-";

/// Events as they came together.
#[derive(Debug, Clone)]
pub enum Received {
    /// One.
    One(Box<EmitRequest>),
    /// A batch, which is answered event by event.
    Batch(Vec<EmitRequest>),
}

/// An event in structured mode: one JSON object with attributes and data.
///
/// # Errors
/// Mistakes: attributes that are missing or cannot be read, data that is no JSON.
pub fn structured(event: Value) -> Result<EmitRequest, ServiceError> {
    let Value::Object(mut members) = event else {
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "", "a CloudEvent is a JSON object")));
    };
    if members.contains_key("data_base64") {
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "data_base64", "the data must be JSON")));
    }
    let data = members.remove("data");
    // Extensions may be numbers and truth values; what is read here are texts.
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _extension => None,
    });
    request(&texts.collect(), data)
}

/// Events in a batch: a list of events in structured mode.
///
/// # Errors
/// Mistakes, all at once, with the places of their events.
pub fn batch(events: Value) -> Result<Vec<EmitRequest>, ServiceError> {
    let Value::Array(events) = events else {
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "", "a batch of CloudEvents is a JSON list")));
    };
    let (mut requests, mut mistakes) = (Vec::with_capacity(events.len()), Vec::new());
    for (at, event) in events.into_iter().enumerate() {
        match structured(event) {
            Ok(request) => requests.push(request),
            Err(ServiceError::Mistakes(wrong)) => {
                mistakes.extend(wrong.into_iter().map(|mistake| Mistake {
                    message: format!("event {at}: {}", mistake.message),
                    field: [vec![at.to_string()], mistake.field].concat(),
                    ..mistake
                }));
            }
            Err(error) => return Err(error),
        }
    }
    if mistakes.is_empty() { Ok(requests) } else { Err(ServiceError::Mistakes(mistakes)) }
}

/// An event in binary mode: attributes in headers, whose names are in lower case, and the data as the body.
///
/// # Errors
/// As [`structured`].
pub fn binary(headers: &BTreeMap<String, String>, data: Option<Value>) -> Result<EmitRequest, ServiceError> {
    let attributes = headers.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
    request(&attributes.map(|(name, value)| (name.to_owned(), decoded(value))).collect(), data)
}

/// Whether headers are those of the binary mode.
#[must_use]
pub fn is_binary(headers: &BTreeMap<String, String>) -> bool {
    headers.contains_key("ce-specversion")
}

/// Accepts what came, and notes it in the audit log as a mutation is noted.
///
/// # Errors
/// As [`emit`], or [`emit_batch`].
#[boxed]
pub async fn receive(
    services: &Services,
    viewer: &Viewer,
    received: Received,
) -> Result<Vec<Result<Emitted, ServiceError>>, ServiceError> {
    let outcome = match received {
        Received::One(request) => emit(services, viewer, *request).await.map(|emitted| vec![Ok(emitted)]),
        Received::Batch(requests) => emit_batch(services, viewer, requests).await,
    };
    let mut changes = viewer.origin.trail.take();
    let came_of_it = match &outcome {
        Ok(_accepted) => Outcome::Ok,
        Err(error) => {
            changes.push(Change::of("organization", viewer.organization, ""));
            Outcome::of(error.code())
        }
    };
    let entry = |change| NewEntry {
        organization: Some(viewer.organization),
        actor: viewer.actor.clone(),
        action: "event.received".to_owned(),
        outcome: came_of_it,
        change,
        origin: viewer.origin.clone(),
    };
    let entries: Vec<NewEntry> = changes.into_iter().map(entry).collect();
    let count = entries.len() as u64;
    if let Err(problem) = audit::record_all(services, entries).await {
        metrics::counter!("sluice_audit_lost_total").increment(count);
        tracing::error!(
            error = %chain(&problem),
            actor = %viewer.actor.id,
            request.id = %viewer.origin.request_id,
            outcome = ?came_of_it,
            "the audit log could not be written; this line stands in for the entry of received events"
        );
    }
    outcome
}

fn request(attributes: &BTreeMap<String, String>, data: Option<Value>) -> Result<EmitRequest, ServiceError> {
    let mut mistakes = Vec::new();
    let mut required = |name: &str| {
        let text = attributes.get(name).filter(|text| !text.is_empty()).cloned();
        if text.is_none() {
            mistakes.push(Mistake::new(Code::Required, name, format!("the attribute `{name}` is missing")));
        }
        text.unwrap_or_default()
    };
    let (version, event_type, source, id) =
        (required("specversion"), required("type"), required("source"), required("id"));
    if !version.is_empty() && version != VERSION {
        mistakes.push(Mistake::new(Code::Invalid, "specversion", format!("`specversion` must be {VERSION}")));
    }
    let occurred_at = attributes.get("time").map(|text| DateTime::parse_from_rfc3339(text));
    let occurred_at =
        occurred_at.transpose().map_err(|_no_moment| "`time` must be a moment such as 2026-01-31T12:00:00Z");
    let occurred_at = occurred_at.unwrap_or_else(|message| {
        mistakes.push(Mistake::new(Code::Invalid, "time", message));
        None
    });
    if attributes.get("datacontenttype").is_some_and(|kind| !is_json(kind)) {
        mistakes.push(Mistake::new(Code::Invalid, "datacontenttype", "the data must be JSON"));
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    Ok(EmitRequest {
        event_type,
        payload: data.unwrap_or_else(|| Value::Object(Map::new())),
        // A source has no space in it, so that no two pairs read alike.
        deduplication_key: Some(bounded_key(&format!("{source} {id}"))),
        source: Some(source),
        subject: attributes.get("subject").cloned(),
        occurred_at: occurred_at.map(|moment| Timestamp(moment.timestamp_millis())),
        depth: 0,
    })
}

fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    name == "application/json" || name == "text/json" || name.ends_with("+json")
}

/// A header's value as it was before it was percent-encoded; what is no such code stays as it is.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_no_text| value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(outcome: Result<EmitRequest, ServiceError>) -> Vec<String> {
        match outcome {
            Err(ServiceError::Mistakes(mistakes)) => mistakes.into_iter().map(|one| one.field.join(".")).collect(),
            _accepted => Vec::new(),
        }
    }

    #[test]
    fn both_modes_say_the_same() {
        let event = json!({
            "specversion": "1.0", "type": "com.example.order.paid", "source": "/shop", "id": "a-1", "subject": "order/1",
            "time": "2026-01-31T12:00:00.5+01:00", "datacontenttype": "application/json", "priority": 3,
            "data": { "order": { "id": 1 } },
        });
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-type", "com.example.order.paid"),
            ("ce-source", "/shop"),
            ("ce-id", "a-1"),
            ("ce-subject", "order%2F1"),
            ("ce-time", "2026-01-31T12:00:00.5+01:00"),
            ("content-type", "application/json"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert!(is_binary(&headers));
        let data = json!({ "order": { "id": 1 } });
        for request in [structured(event).unwrap(), binary(&headers, Some(data.clone())).unwrap()] {
            assert_eq!((request.event_type.as_str(), &request.payload), ("com.example.order.paid", &data));
            assert_eq!((request.source.as_deref(), request.subject.as_deref()), (Some("/shop"), Some("order/1")));
            assert_eq!(request.deduplication_key.as_deref(), Some("/shop a-1"));
            assert_eq!(request.occurred_at.map(Timestamp::to_rfc3339).as_deref(), Some("2026-01-31T11:00:00.500Z"));
        }
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_is_told_at_once() {
        assert_eq!(fields(structured(json!({}))), ["specversion", "type", "source", "id"]);
        assert_eq!(fields(structured(json!([]))), [""]);
        let with = |name: &str, value: Value| {
            let mut event = json!({ "specversion": "1.0", "type": "a.b", "source": "/s", "id": "1" });
            event[name] = value;
            fields(structured(event))
        };
        assert_eq!(with("data", json!({})), [""; 0]);
        assert_eq!(with("specversion", json!("0.3")), ["specversion"]);
        assert_eq!(with("time", json!("yesterday")), ["time"]);
        assert_eq!(with("datacontenttype", json!("text/xml")), ["datacontenttype"]);
        assert_eq!(with("data_base64", json!("AAAA")), ["data_base64"]);
        let wrong = batch(json!([{ "specversion": "1.0", "type": "a.b", "source": "/s", "id": "1" }, {}])).unwrap_err();
        assert!(
            matches!(&wrong, ServiceError::Mistakes(all) if all.len() == 4 && all[0].field == ["1", "specversion"])
        );
    }

    #[test]
    fn headers_are_decoded_as_far_as_they_are_encoded() {
        for (encoded, text) in
            [("a%20b", "a b"), ("%E2%82%AC", "€"), ("100%", "100%"), ("%zz%2", "%zz%2"), ("%FF", "%FF")]
        {
            assert_eq!(decoded(encoded), text, "{encoded}");
        }
    }
}
