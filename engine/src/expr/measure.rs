//! How large and how deep a value is, counted without writing it.

use minijinja::Value as Jinja;
use minijinja::value::ValueKind;
use serde_json::Value;

/// Deepest nesting of lists and objects in a value that a template makes. A stored value stands some
/// levels below the root of what is stored, and serde_json reads 128 levels.
pub(crate) const MAX_VALUE_DEPTH: usize = 64;

/// Whether lists and objects are nested over `levels` deep.
pub(crate) fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else {
        return matches!(value, Value::Array(_) | Value::Object(_));
    };
    match value {
        Value::Array(entries) => entries.iter().any(|entry| is_deeper(entry, left)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes about the bytes that a value has as JSON off `left`; false as soon as there is not enough, so that what is far
/// too large is not looked at as a whole.
pub(crate) fn take(value: &Value, left: &mut usize) -> bool {
    let mut spend = |cost: usize| {
        let enough = *left >= cost;
        *left = left.saturating_sub(cost);
        enough
    };
    match value {
        Value::Null | Value::Bool(_) => spend(5),
        Value::Number(_) => spend(8),
        Value::String(text) => spend(text.len() + 2),
        Value::Array(members) => spend(members.len() + 2) && members.iter().all(|member| take(member, left)),
        Value::Object(fields) => {
            spend(fields.keys().map(|key| key.len() + 4).sum::<usize>() + 2)
                && fields.values().all(|field| take(field, left))
        }
    }
}

/// The same for a value of the interpreter: there a long list may hold one text a thousand times
/// without taking the room that it takes when written out.
pub(super) fn take_jinja(value: &Jinja, left: &mut usize) -> bool {
    let mut spend = |cost: usize| {
        let enough = *left >= cost;
        *left = left.saturating_sub(cost);
        enough
    };
    if let Some(text) = value.as_str() {
        return spend(text.len() + 2);
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            spend(2)
                && value
                    .try_iter()
                    .is_ok_and(|mut members| members.all(|member| take_jinja(&member, left) && take_one(left)))
        }
        ValueKind::Map => {
            spend(2)
                && value.try_iter().is_ok_and(|mut keys| {
                    keys.all(|key| {
                        let below = value.get_item(&key).unwrap_or_default();
                        take_jinja(&key, left) && take_one(left) && take_jinja(&below, left)
                    })
                })
        }
        _plain => spend(8),
    }
}

fn take_one(left: &mut usize) -> bool {
    let enough = *left > 0;
    *left = left.saturating_sub(1);
    enough
}
