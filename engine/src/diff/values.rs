//! Two JSON values, place by place.

use serde_json::Value;

use super::ChangeKind;
use crate::pointer;

/// Another value at a place.
pub(super) struct Differs<'a> {
    pub(super) kind: ChangeKind,
    /// Relative to what is compared.
    pub(super) pointer: String,
    pub(super) before: Option<&'a Value>,
    pub(super) after: Option<&'a Value>,
}

/// Where two values differ, as deep as both go.
pub(super) fn compare<'a>(before: &'a Value, after: &'a Value, at: &str, found: &mut Vec<Differs<'a>>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, before) in old {
                let at = pointer::join(at, key);
                match new.get(key) {
                    Some(after) => compare(before, after, &at, found),
                    None => found.push(Differs {
                        kind: ChangeKind::Removed,
                        pointer: at,
                        before: Some(before),
                        after: None,
                    }),
                }
            }
            for (key, after) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                let pointer = pointer::join(at, key);
                found.push(Differs { kind: ChangeKind::Added, pointer, before: None, after: Some(after) });
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (before, after)) in old.iter().zip(new).enumerate() {
                compare(before, after, &pointer::join_index(at, index), found);
            }
        }
        (_, _) => found.push(Differs {
            kind: ChangeKind::Changed,
            pointer: at.to_owned(),
            before: Some(before),
            after: Some(after),
        }),
    }
}
