//! Calls as the journal keeps them: without credentials, bounded.

use serde_json::{Map, Value, json};

use super::bounded;
use super::secrets::replaced;
use crate::definition::RecordOperation;
use crate::machine::effect::{
    Body, CallTo, Effect, EffectRequest, HttpRequest, Load, Loads, ModelCall, Notification, SecretMarks,
};

/// Names of headers whose values never enter the journal.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];
const HIDDEN: &str = "***";
/// Recipients that are kept of one message.
const MOST_RECIPIENTS: usize = 100;

/// A call as the journal keeps it.
pub(in crate::machine) fn shown(effect: &Effect) -> Value {
    let marks = effect.secrets.as_ref();
    match &effect.request {
        EffectRequest::EmitEvent { event, payload } => {
            json!({ "event": event, "payload": bounded(payload.clone(), false) })
        }
        EffectRequest::StartWorkflow { workflow_id, input, version, .. } => {
            json!({ "workflow_id": workflow_id, "input": bounded(input.clone(), false), "version": version })
        }
        EffectRequest::Http(call) => http(call, marks),
        EffectRequest::Graphql(call) => {
            let (place, to) = match &call.to {
                CallTo::Url(url) => ("url", url),
                CallTo::Service(name) => ("service", name),
            };
            json!({ place: to, "query": kept(&json!(call.query), None), "variables": kept(&call.variables, marks) })
        }
        EffectRequest::Record(call) => {
            let (entity, id, service) = (&call.entity, &call.entity_id, &call.service);
            let operation = operation(call.operation);
            let data = kept(&call.data, marks);
            present(
                json!({ "operation": operation, "entity": entity, "entity_id": id, "data": data, "service": service }),
            )
        }
        EffectRequest::Notify(call) => notify(call),
        EffectRequest::Model(call) => model(call),
        EffectRequest::Load(loads) => load(loads),
    }
}

/// A value without secrets, bounded: what is cut first could end within what stands for a secret.
fn kept(value: &Value, marks: Option<&SecretMarks>) -> Value {
    let mut value = value.clone();
    if let Some(marks) = marks {
        hide(&mut value, marks);
    }
    bounded(value, false)
}

fn hide(value: &mut Value, marks: &SecretMarks) {
    match value {
        Value::String(text) if text.contains(&marks.mark) => *text = replaced(text, marks, HIDDEN),
        Value::Array(members) => members.iter_mut().for_each(|member| hide(member, marks)),
        // Names are never templates.
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, marks)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn http(call: &HttpRequest, marks: Option<&SecretMarks>) -> Value {
    let mut headers = Map::new();
    for (name, value) in &call.headers {
        let is_secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        let value = if is_secret { json!(HIDDEN) } else { kept(&json!(value), marks) };
        headers.insert(name.clone(), value);
    }
    if call.basic.is_some() {
        headers.insert("authorization".to_owned(), json!(HIDDEN));
    }
    let body = match &call.body {
        None => Value::Null,
        Some(Body::Json(value)) => kept(value, marks),
        Some(Body::Text(text)) => kept(&json!(text), marks),
        Some(Body::Form(fields)) => kept(&json!(fields), marks),
    };
    let (url, query) = (kept(&json!(call.url), marks), kept(&json!(call.query), marks));
    json!({ "method": call.method, "url": url, "headers": headers, "query": query, "body": body })
}

fn notify(call: &Notification) -> Value {
    let recipients: Vec<&String> = call.recipients.iter().take(MOST_RECIPIENTS).collect();
    let more = call.recipients.len() - recipients.len();
    present(json!({
        "recipients": recipients,
        "more_recipients": (more > 0).then_some(more),
        "message": kept(&json!(call.message), None),
        "subject": call.subject,
        "channel": call.channel,
        "template": call.template,
        "data": kept(&call.data, None),
    }))
}

fn model(call: &ModelCall) -> Value {
    present(json!({
        "provider": call.provider,
        "model": call.model,
        "system": kept(&json!(call.system), None),
        "prompt": kept(&json!(call.prompt), None),
        "template": call.template,
        "schema": kept(&json!(call.schema), None),
        "max_tokens": call.max_tokens,
        "temperature": call.temperature,
        "tools": call.tools,
    }))
}

/// The names alone: what is fetched is in the events that write it, and the context is the payload.
fn load(loads: &Loads) -> Value {
    let resource = |load: &Load| {
        let source = load.source.as_ref();
        let service = source.and_then(|source| source.service.as_ref());
        let path = kept(&json!(source.and_then(|source| source.path.as_ref())), None);
        let key = kept(&json!(source.and_then(|source| source.key.as_ref())), None);
        present(json!({ "name": load.name, "service": service, "path": path, "key": key }))
    };
    let resources: Vec<Value> = loads.resources.iter().map(resource).collect();
    json!({ "resources": resources, "variables": loads.variables, "integrations": loads.integrations })
}

/// An object without what is null.
fn present(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, field)| !field.is_null()).collect()),
        other => other,
    }
}

const fn operation(operation: RecordOperation) -> &'static str {
    match operation {
        RecordOperation::Create => "create",
        RecordOperation::Update => "update",
        RecordOperation::Delete => "delete",
        RecordOperation::Get => "get",
    }
}
