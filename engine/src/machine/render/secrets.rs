//! How secrets stand in a rendered request: as marks, which whoever makes the call replaces by the values.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::invalid;
use crate::definition::{ActionKind, secret_parts};
use crate::machine::effect::{Body, CallTo, EffectRequest, SecretMarks, StepError};

/// Noncharacters of Unicode, which no text has that is meant to be read.
const BEGIN: char = '\u{FDD0}';
const END: char = '\u{FDD1}';

/// The secrets that an action's own text names.
pub(super) fn names(kind: &ActionKind) -> Vec<String> {
    let uses = secret_parts(kind).into_iter().flat_map(|(_, template)| template.secrets());
    let names: BTreeSet<String> = uses.filter_map(|used| used.name).collect();
    names.into_iter().collect()
}

/// What `secrets` stands for while nothing is known of the request.
pub(super) fn empty(names: &[String]) -> Value {
    Value::Object(names.iter().map(|name| (name.clone(), Value::String(String::new()))).collect::<Map<_, _>>())
}

/// What `secrets` stands for with these marks.
pub(super) fn marked(marks: &SecretMarks) -> Value {
    let text = |name: &String| Value::String(format!("{}{name}{}", marks.mark, marks.end));
    Value::Object(marks.names.iter().map(|name| (name.clone(), text(name))).collect::<Map<_, _>>())
}

/// Marks that occur nowhere in a request. It was rendered with empty secrets: payloads can hold any text.
pub(super) fn marks(request: &EffectRequest, names: Vec<String>) -> SecretMarks {
    let mut number = 0_u64;
    loop {
        let mark = format!("{BEGIN}{number}:");
        if !has_text(request, &mark) {
            return SecretMarks { mark, end: END.to_string(), names };
        }
        number += 1;
    }
}

/// Refuses a secret in the part of an address that says whom it is sent to.
pub(super) fn check(request: &EffectRequest, marks: &SecretMarks) -> Result<(), StepError> {
    match request {
        EffectRequest::Http(call) if leads(&call.url, marks) => {
            Err(invalid("a secret cannot stand in the scheme, the host or the port of `url`"))
        }
        _elsewhere => Ok(()),
    }
}

/// Whether another value of a secret would lead elsewhere.
fn leads(url: &str, marks: &SecretMarks) -> bool {
    let (one, other) = (replaced(url, marks, "a"), replaced(url, marks, "bb"));
    if one == other {
        return false;
    }
    match (Url::parse(&one), Url::parse(&other)) {
        (Ok(one), Ok(other)) => whom(&one) != whom(&other),
        _no_address => true,
    }
}

fn whom(url: &Url) -> (&str, &str, Option<&str>, Option<&str>, Option<u16>) {
    (url.scheme(), url.username(), url.password(), url.host_str(), url.port())
}

/// A text with something else in place of every secret.
pub(super) fn replaced(text: &str, marks: &SecretMarks, by: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(marks.mark.as_str()) {
        let Some((_name, behind)) = after.split_once(marks.end.as_str()) else { break };
        output.push_str(before);
        output.push_str(by);
        rest = behind;
    }
    output.push_str(rest);
    output
}

/// Whether some text of a request has this part.
fn has_text(request: &EffectRequest, part: &str) -> bool {
    let of = |text: &String| text.contains(part);
    let of_pairs = |pairs: &[(String, String)]| pairs.iter().any(|(name, value)| of(name) || of(value));
    match request {
        EffectRequest::Http(call) => {
            let body = match &call.body {
                None => false,
                Some(Body::Json(value)) => value_has(value, part),
                Some(Body::Text(text)) => of(text),
                Some(Body::Form(fields)) => of_pairs(fields),
            };
            let basic = call.basic.as_ref().is_some_and(|(name, password)| of(name) || of(password));
            body || basic || of(&call.url) || of_pairs(&call.headers) || of_pairs(&call.query)
        }
        EffectRequest::Graphql(call) => {
            let to = match &call.to {
                CallTo::Url(url) => of(url),
                CallTo::Service(name) => of(name),
            };
            to || of(&call.query) || value_has(&call.variables, part)
        }
        EffectRequest::Record(call) => {
            let names = [Some(&call.entity), call.entity_id.as_ref(), call.service.as_ref()];
            names.into_iter().flatten().any(of) || value_has(&call.data, part)
        }
        EffectRequest::EmitEvent { .. }
        | EffectRequest::StartWorkflow { .. }
        | EffectRequest::Notify(_)
        | EffectRequest::Model(_)
        | EffectRequest::Load(_) => false,
    }
}

fn value_has(value: &Value, part: &str) -> bool {
    match value {
        Value::String(text) => text.contains(part),
        Value::Array(members) => members.iter().any(|member| value_has(member, part)),
        Value::Object(fields) => fields.iter().any(|(key, field)| key.contains(part) || value_has(field, part)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
