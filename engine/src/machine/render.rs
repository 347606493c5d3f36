//! From an action as it is written to a call as it is made, and values bounded for storage.

use serde_json::{Map, Value, json};

use super::effect::{Body, EffectRequest, HttpRequest, StepError};
use super::view::View;
use crate::definition::{ActionKind, HttpAction};
use crate::expr::measure::{MAX_VALUE_DEPTH, is_deeper};
use crate::expr::{Template, to_text};

/// Largest output that is stored whole, in bytes of JSON.
pub(super) const MAX_STORED: usize = 256 * 1024;
/// Characters of a truncated output that are kept.
const KEPT: usize = 1_000;

/// Deepest nesting of a stored output. It may be saved 32 parts below the context, which stands some
/// levels below the root of the stored state, and serde_json reads no more than 128 levels.
const MAX_STORED_DEPTH: usize = 80;
/// Deepest nesting of what comes from outside and is read by templates.
const MAX_GIVEN_DEPTH: usize = MAX_VALUE_DEPTH;

/// What comes from outside, with a marker in place of everything that is nested too deep.
pub(super) fn given(value: Value) -> Value {
    shallow(value, MAX_GIVEN_DEPTH)
}

fn shallow(mut value: Value, levels: usize) -> Value {
    if is_deeper(&value, levels) {
        cut_below(&mut value, levels);
    }
    value
}

fn cut_below(value: &mut Value, levels: usize) {
    match value {
        // The marker is an object, so it takes the last level that is left.
        Value::Array(_) | Value::Object(_) if levels <= 1 && is_deeper(value, levels) => {
            *value = json!({ "$truncated": true });
        }
        Value::Array(members) => members.iter_mut().for_each(|member| cut_below(member, levels - 1)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut_below(field, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `output`, or a marker that says how large it was.
pub(super) fn bounded(output: Value, keep_full: bool) -> Value {
    let output = shallow(output, MAX_STORED_DEPTH);
    // Small values, the usual case, are told apart without being written as text.
    if keep_full || is_surely_small(&output, &mut 2_000) {
        return output;
    }
    let text = output.to_string();
    if text.len() <= MAX_STORED {
        return output;
    }
    json!({ "$truncated": true, "bytes": text.len(), "preview": text.chars().take(KEPT).collect::<String>() })
}

/// Bytes of a value as JSON, about.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(members) => 2 + members.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 2 + fields.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>(),
    }
}

/// The output of an action, bounded: of an HTTP answer only the body is cut, so that its status stays.
pub(super) fn bounded_answer(mut output: Value, keep_full: bool) -> Value {
    if let Value::Object(fields) = &mut output
        && fields.contains_key("status")
        && let Some(body) = fields.get_mut("body")
    {
        *body = bounded(std::mem::take(body), keep_full);
    }
    bounded(output, keep_full)
}

/// Whether a value has so few and so short parts that it cannot be over the limit.
fn is_surely_small(value: &Value, budget: &mut usize) -> bool {
    let mut spend = |cost: usize| {
        *budget = budget.saturating_sub(cost.max(1));
        *budget > 0
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => spend(1),
        Value::String(text) => spend(text.len() / 16),
        Value::Array(members) => spend(1) && members.iter().all(|member| is_surely_small(member, budget)),
        Value::Object(fields) => {
            let keys: usize = fields.keys().map(|key| 1 + key.len() / 16).sum();
            spend(keys) && fields.values().all(|field| is_surely_small(field, budget))
        }
    }
}

/// The call that an action wants to make.
pub(super) fn request(kind: &ActionKind, view: &View<'_>) -> Result<EffectRequest, StepError> {
    match kind {
        ActionKind::Http(call) => http(call, view).map(EffectRequest::Http),
        ActionKind::EmitEvent { event, payload } => {
            let payload = payload.as_ref().map(|payload| payload.render(view)).transpose()?;
            let payload = payload.unwrap_or_else(|| Value::Object(Map::new()));
            let event = event.render_text(view)?;
            if event.trim().is_empty() {
                return Err(StepError::other("INVALID_ACTION", "the name of the event is empty"));
            }
            Ok(EffectRequest::EmitEvent { event, payload })
        }
        ActionKind::StartWorkflow { workflow_id, input } => {
            start_workflow(workflow_id, input.as_ref(), None, false, view)
        }
        other => {
            let message =
                format!("actions of type `{}` are not available in this version", super::actions::kind_name(other));
            Err(StepError::other("NOT_AVAILABLE", message))
        }
    }
}

/// The start of another workflow; without `input` it is started with an empty object.
pub(super) fn start_workflow(
    workflow_id: &str,
    input: Option<&Template>,
    version: Option<u32>,
    waits: bool,
    view: &View<'_>,
) -> Result<EffectRequest, StepError> {
    let input = input.map(|input| input.render(view)).transpose()?.unwrap_or_else(|| Value::Object(Map::new()));
    Ok(EffectRequest::StartWorkflow { workflow_id: workflow_id.to_owned(), input, version, waits })
}

fn http(call: &HttpAction, view: &View<'_>) -> Result<HttpRequest, StepError> {
    let mut headers = pairs(call.headers.as_ref(), view, "headers")?;
    if let Some(auth) = &call.auth {
        headers.push(("authorization".to_owned(), authorization(&auth.render(view)?)?));
    }
    let body = match (&call.body, &call.form) {
        (Some(body), _) => Some(match body.render(view)? {
            Value::String(text) => Body::Text(text),
            other => Body::Json(other),
        }),
        (None, Some(form)) => Some(Body::Form(pairs(Some(form), view, "form")?)),
        (None, None) => None,
    };
    Ok(HttpRequest {
        is_webhook: call.is_webhook,
        method: call.method.clone(),
        url: call.url.render_text(view)?,
        headers,
        query: pairs(call.query.as_ref(), view, "query")?,
        body,
        expect_status: call.expect_status.clone(),
        max_response_bytes: call.max_response_bytes,
    })
}

/// An object as names and texts; a list gives a name several times.
fn pairs(template: Option<&Template>, view: &View<'_>, what: &str) -> Result<Vec<(String, String)>, StepError> {
    let Some(template) = template else { return Ok(Vec::new()) };
    let Value::Object(fields) = template.render(view)? else {
        return Err(StepError::other("INVALID_ACTION", format!("`{what}` must be an object of names and values")));
    };
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Array(members) => pairs.extend(members.iter().map(|member| (name.clone(), to_text(member)))),
            other => pairs.push((name, to_text(&other))),
        }
    }
    Ok(pairs)
}

/// The `Authorization` header of `{bearer}` or `{basic: {username, password}}`.
fn authorization(auth: &Value) -> Result<String, StepError> {
    if let Some(token) = auth.get("bearer").and_then(Value::as_str) {
        return Ok(format!("Bearer {token}"));
    }
    if let Some(basic) = auth.get("basic") {
        let part = |name: &str| basic.get(name).map(to_text).unwrap_or_default();
        return Ok(format!("Basic {}", base64(format!("{}:{}", part("username"), part("password")).as_bytes())));
    }
    Err(StepError::other("INVALID_ACTION", "`auth` must be `{bearer: …}` or `{basic: {username, password}}`"))
}

/// Standard base 64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Names of headers whose values never enter the journal.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

/// A call as the journal keeps it: without credentials, bounded.
pub(super) fn shown(request: &EffectRequest) -> Value {
    match request {
        EffectRequest::EmitEvent { event, payload } => {
            json!({ "event": event, "payload": bounded(payload.clone(), false) })
        }
        EffectRequest::StartWorkflow { workflow_id, input, version, .. } => {
            json!({ "workflow_id": workflow_id, "input": bounded(input.clone(), false), "version": version })
        }
        EffectRequest::Http(call) => {
            let headers: Map<String, Value> = call
                .headers
                .iter()
                .map(|(name, value)| {
                    let is_secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
                    (name.clone(), Value::String(if is_secret { "***".to_owned() } else { value.clone() }))
                })
                .collect();
            let body = match &call.body {
                None => Value::Null,
                Some(Body::Json(value)) => bounded(value.clone(), false),
                Some(Body::Text(text)) => bounded(Value::String(text.clone()), false),
                Some(Body::Form(fields)) => bounded(json!(fields), false),
            };
            json!({ "method": call.method, "url": call.url, "headers": headers, "query": call.query, "body": body })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_standard() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn only_what_is_over_the_limit_is_truncated() {
        let small = json!({ "a": [1, 2, 3], "b": "text" });
        assert_eq!(bounded(small.clone(), false), small);
        let large = json!({ "text": "x".repeat(MAX_STORED) });
        let cut = bounded(large.clone(), false);
        assert_eq!((&cut["$truncated"], cut["bytes"].as_u64()), (&json!(true), Some(MAX_STORED as u64 + 11)));
        assert_eq!(bounded(large.clone(), true), large, "keep_output: full");
        let many = json!((0..50_000).collect::<Vec<_>>());
        assert_eq!(bounded(many, false)["$truncated"], true);
    }
}
