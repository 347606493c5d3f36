//! Finds the waits that an event may be for without looking at every wait: a wait for an event about
//! one thing states it in one text, and an event has the texts of all that it could be about.

use serde_json::Value;

use crate::Timestamp;
use crate::expr::{Path, equal, is_moment};

/// Longest value that is compared as a text, in bytes.
const MAX_VALUE: usize = 200;
/// Values of one event at most; an event with more is held against every wait for its name.
const MAX_VALUES: usize = 500;

/// What an awaited event must be about, where one value says it.
#[must_use]
pub fn correlation(keys: &[(String, Value)]) -> Option<String> {
    keys.iter().find_map(|(path, value)| {
        path.split('.').all(is_plain).then(|| text(value)).flatten().map(|value| format!("{path}={value}"))
    })
}

/// The one thing that an event's name says it is about, such as `order.id` of `order.paid`, where the event tells it.
#[must_use]
pub fn subject(event: &str, payload: &Value) -> Option<String> {
    let entity = event.split('.').next().unwrap_or_default();
    correlation(&[(format!("{entity}.id"), payload[entity]["id"].clone())])
}

/// What an event could be about, to be compared with [`correlation`]; `None` when that cannot be told, so
/// that every wait for its name has to be looked at.
///
/// `event` is its name: a wait that states nothing expects the `id` of the thing that the name begins
/// with, and also takes an event that does not tell it.
#[must_use]
pub fn correlations(event: &str, payload: &Value) -> Option<Vec<String>> {
    subject(event, payload)?;
    let mut found = Vec::new();
    collect(payload, "", &mut found);
    (found.len() <= MAX_VALUES).then_some(found)
}

/// Whether an event's payload has what it must have; a missing value does not agree.
#[must_use]
pub fn agrees(keys: &[(String, Value)], payload: &Value, now: Timestamp) -> bool {
    keys.iter().all(|(path, wanted)| {
        Path::parse(path)
            .ok()
            .and_then(|path| path.find(payload).map(|found| equal(found, wanted, now)))
            .unwrap_or(false)
    })
}

fn collect(value: &Value, prefix: &str, found: &mut Vec<String>) {
    if found.len() > MAX_VALUES {
        return;
    }
    if let Value::Object(fields) = value {
        for (name, value) in fields.iter().filter(|(name, _)| is_plain(name)) {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            collect(value, &path, found);
        }
    } else if let Some(text) = text(value) {
        found.push(format!("{prefix}={text}"));
    }
}

/// A part of a path that means a field and nothing else.
fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !part.bytes().all(|byte| byte.is_ascii_digit())
}

/// The same text for values that are equal; `None` for those of which two texts may be equal.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            // No database column holds a NUL.
            (text.len() <= MAX_VALUE && !text.contains('\0') && !is_moment(text)).then(|| format!("s{text}"))
        }
        Value::Number(number) => number.as_i64().map(|number| format!("n{number}")).or_else(|| {
            let number = number.as_f64()?;
            // 2^53: beyond, a number with a point may equal several whole ones.
            (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then(|| format!("n{number:.0}"))
        }),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_has_the_text_of_every_wait_that_it_agrees_with() {
        let now = Timestamp(0);
        let payload = json!({ "order": { "id": "o-1", "number": 7.0, "customer": { "id": 12 } }, "at": "2026-01-01" });
        let texts = correlations("order.paid", &payload).unwrap();
        for keys in [
            vec![("order.id".to_owned(), json!("o-1"))],
            vec![("order.number".to_owned(), json!(7))],
            vec![("order.customer.id".to_owned(), json!(12.0))],
            vec![("order.id".to_owned(), json!("o-1")), ("order.number".to_owned(), json!(7))],
        ] {
            assert!(agrees(&keys, &payload, now), "{keys:?}");
            assert!(texts.contains(&correlation(&keys).unwrap()), "{keys:?} in {texts:?}");
        }
        let other = vec![("order.id".to_owned(), json!("o-2"))];
        assert!(!agrees(&other, &payload, now) && !texts.contains(&correlation(&other).unwrap()));
    }

    #[test]
    fn a_wait_whose_value_has_several_texts_is_always_looked_at() {
        for value in [json!("2026-01-01"), json!(true), json!(null), json!(["o-1"]), json!(1.5), json!("x".repeat(300))]
        {
            assert_eq!(correlation(&[("order.id".to_owned(), value.clone())]), None, "{value}");
        }
        let value = json!("o\0-1");
        assert_eq!(correlation(&[("order.id".to_owned(), value.clone())]), None, "no column holds a NUL");
        let payload = json!({ "order": { "id": value, "number": 7 } });
        assert_eq!((subject("order.paid", &payload), correlations("order.paid", &payload)), (None, None));
        assert!(agrees(&[("order.id".to_owned(), value)], &payload, Timestamp(0)), "it is compared all the same");
        assert_eq!(correlation(&[("items[0].id".to_owned(), json!("a")), ("items.0".to_owned(), json!("a"))]), None);
        assert_eq!(correlation(&[]), None);
    }

    #[test]
    fn an_event_that_does_not_tell_its_id_is_held_against_every_wait() {
        assert_eq!(correlations("order.paid", &json!({ "amount": 3 })), None);
        assert_eq!(correlations("order.paid", &json!({ "order": { "id": "2026-01-01" } })), None);
        let many: Value = (0..600).map(|number| (format!("f{number}"), json!(number))).collect();
        assert_eq!(correlations("order.paid", &json!({ "order": { "id": 1 }, "many": many })), None);
    }
}
