//! Secrets of a case: put in the place of their marks in a call, and taken out of what comes back.

use std::collections::{BTreeMap, BTreeSet};

use engine::machine::{Body, CallTo, Effect, EffectOutcome, EffectRequest, HttpRequest, SecretMarks, StepError};
use serde_json::{Map, Value};

/// Shortest value that is taken out of answers: a shorter one stands in too many texts.
const SHORTEST: usize = 4;
/// What stands in the place of a value.
const HIDDEN: &str = "***";

/// Puts the values of the case into a call; returns those that it has.
///
/// # Errors
/// `UNKNOWN_SECRET`, when the case does not give one.
pub(crate) fn put_in(call: &mut Effect, known: &BTreeMap<String, String>) -> Result<BTreeSet<String>, StepError> {
    let Some(marks) = call.secrets.take() else { return Ok(BTreeSet::new()) };
    let mut filling = Filling { marks: &marks, known, used: BTreeSet::new(), unknown: None };
    filling.request(&mut call.request);
    match filling.unknown {
        Some(name) => {
            let message = format!("there is no secret `{name}`: give the case one in `stubs.secrets`");
            Err(StepError::other("UNKNOWN_SECRET", message))
        }
        None => Ok(filling.used),
    }
}

struct Filling<'f> {
    marks: &'f SecretMarks,
    known: &'f BTreeMap<String, String>,
    used: BTreeSet<String>,
    unknown: Option<String>,
}

impl Filling<'_> {
    fn request(&mut self, request: &mut EffectRequest) {
        match request {
            EffectRequest::Http(call) => self.http(call),
            EffectRequest::Graphql(call) => {
                if let CallTo::Url(url) = &mut call.to {
                    self.text(url);
                }
                self.value(&mut call.variables);
            }
            EffectRequest::Record(call) => self.value(&mut call.data),
            EffectRequest::EmitEvent { .. }
            | EffectRequest::StartWorkflow { .. }
            | EffectRequest::Notify(_)
            | EffectRequest::Model(_)
            | EffectRequest::Load(_) => {}
        }
    }

    fn http(&mut self, call: &mut HttpRequest) {
        self.text(&mut call.url);
        call.headers.iter_mut().chain(&mut call.query).for_each(|(_name, value)| self.text(value));
        if let Some((name, password)) = &mut call.basic {
            self.text(name);
            self.text(password);
        }
        match &mut call.body {
            Some(Body::Json(value)) => self.value(value),
            Some(Body::Text(text)) => self.text(text),
            Some(Body::Form(pairs)) => pairs.iter_mut().for_each(|(_name, value)| self.text(value)),
            None => {}
        }
        // Whoever answers could tell it in this form too.
        if let Some((name, password)) = call.basic.as_ref().filter(|_| !self.used.is_empty()) {
            self.used.insert(base64(format!("{name}:{password}").as_bytes()));
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(members) => members.iter_mut().for_each(|member| self.value(member)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        let marks = self.marks;
        if !text.contains(&marks.mark) {
            return;
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once(&marks.mark) {
            filled.push_str(before);
            let named = behind.split_once(&marks.end).filter(|(name, _)| marks.names.iter().any(|known| known == name));
            let Some((name, after)) = named else {
                // What only looks like one came from outside, and stays.
                filled.push_str(&marks.mark);
                rest = behind;
                continue;
            };
            match self.known.get(name) {
                Some(value) => {
                    filled.push_str(value);
                    self.used.insert(value.clone());
                }
                None => self.unknown = Some(name.to_owned()),
            }
            rest = after;
        }
        filled.push_str(rest);
        *text = filled;
    }
}

/// A text without the values of secrets, but for those that are too short.
pub(crate) fn hidden(text: &str, secrets: &BTreeSet<String>) -> String {
    // The longest first: one may be part of another.
    let mut values: Vec<&String> = secrets.iter().filter(|value| is_long(value)).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
}

fn is_long(value: &str) -> bool {
    value.chars().count() >= SHORTEST
}

/// What came back, without the values of secrets that it was told.
pub(crate) fn take_out(outcome: EffectOutcome, secrets: &BTreeSet<String>) -> EffectOutcome {
    if !secrets.iter().any(|value| is_long(value)) {
        return outcome;
    }
    match outcome {
        EffectOutcome::Succeeded { output } => EffectOutcome::Succeeded { output: hidden_in(output, secrets) },
        EffectOutcome::Failed(error) => EffectOutcome::Failed(StepError {
            message: hidden(&error.message, secrets),
            detail: error.detail.map(|detail| hidden_in(detail, secrets)),
            ..error
        }),
        put_off @ EffectOutcome::PutOff { .. } => put_off,
    }
}

/// A value without the values of secrets.
pub(crate) fn hidden_in(value: Value, secrets: &BTreeSet<String>) -> Value {
    match value {
        Value::String(text) => Value::String(hidden(&text, secrets)),
        Value::Array(members) => members.into_iter().map(|member| hidden_in(member, secrets)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (hidden(&name, secrets), hidden_in(field, secrets)));
            Value::Object(fields.collect::<Map<String, Value>>())
        }
        other => other,
    }
}

/// Standard base 64 with padding (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_of_the_action_is_no_secret() {
        let marks = SecretMarks {
            mark: "\u{fdd0}0:".to_owned(),
            end: "\u{fdd1}".to_owned(),
            names: vec!["a".to_owned(), "c".to_owned()],
        };
        let known = BTreeMap::from([("a".to_owned(), "value".to_owned()), ("b".to_owned(), "other".to_owned())]);
        let mut filling = Filling { marks: &marks, known: &known, used: BTreeSet::new(), unknown: None };
        let mut text = "Bearer \u{fdd0}0:a\u{fdd1}!".to_owned();
        filling.text(&mut text);
        assert_eq!((text.as_str(), filling.unknown.as_deref()), ("Bearer value!", None));
        let mut text = "\u{fdd0}0:b\u{fdd1}".to_owned();
        filling.text(&mut text);
        assert_eq!((text.as_str(), filling.unknown.as_deref()), ("\u{fdd0}0:b\u{fdd1}", None));
        let mut text = "\u{fdd0}0:c\u{fdd1}".to_owned();
        filling.text(&mut text);
        assert_eq!((text.as_str(), filling.unknown.as_deref()), ("", Some("c")));
    }

    #[test]
    fn the_longest_value_is_hidden_first() {
        let secrets = BTreeSet::from(["abcd".to_owned(), "abcdef".to_owned()]);
        assert_eq!(hidden("x abcdef abcd", &secrets), "x *** ***");
    }

    #[test]
    fn a_short_value_stands_in_too_many_texts_to_be_hidden() {
        let secrets = BTreeSet::from([String::new(), "a".to_owned(), "abc".to_owned(), "long".to_owned()]);
        assert_eq!(hidden("abc is not as long", &secrets), "abc is not as ***");
    }

    #[test]
    fn base64_has_padding() {
        assert_eq!([base64(b"a:b"), base64(b"a:bc"), base64(b"")].join(" "), "YTpi YTpiYw== ");
    }
}
