//! What is written into the context, and where it is seen.

use serde_json::{Map, Value};

use crate::expr::{INTEGRATIONS, VARIABLES};
use crate::machine::state::{ROOT, ScopeId, State, Written};

/// Puts what was written above over what was written below.
pub(super) fn lay_over(below: &mut Written, above: Written) {
    if below.is_empty() {
        *below = above;
        return;
    }
    for path in &above.replaced {
        if let Some(value) = value_at(&above.values, path) {
            put(below, path, value.clone());
        }
    }
}

pub(super) fn value_at<'v>(values: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let mut parts = path.split('.');
    let mut value = values.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

/// Writes a root value where a scope reads it: nested scopes must not disturb each other.
pub(super) fn write_near(state: &mut State, scope: ScopeId, name: &str, value: Value) {
    if scope == ROOT {
        return write(state, ROOT, name, &value);
    }
    if let Some(scope) = state.scopes.get_mut(&scope) {
        scope.locals.insert(name.to_owned(), value);
    }
}

/// Merges an object over the context, deeply (D-9).
pub(super) fn merge_over(state: &mut State, scope: ScopeId, value: &Value) {
    let mut leaves = Vec::new();
    collect_leaves(value, &mut String::new(), &mut leaves);
    let is_loaded = state.loaded.is_some();
    for (path, leaf) in leaves {
        // What the organization says stays as it was loaded, whatever comes from outside.
        if !(is_loaded && is_of_the_organization(&path)) {
            write(state, scope, &path, &leaf);
        }
    }
}

fn is_of_the_organization(path: &str) -> bool {
    matches!(path.split('.').next(), Some(VARIABLES | INTEGRATIONS))
}

/// Longest path that is kept of each merged value, in bytes: one long key may stand around thousands.
const MAX_PATH: usize = 1024;

/// The values of an object that are no objects, with their paths. Keys that cannot stand in a
/// dotted path, or would make it too long, are taken with everything below them as one value.
pub(in crate::machine) fn collect_leaves(value: &Value, path: &mut String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields)
            if fields.keys().all(|key| !key.contains('.') && path.len() + key.len() <= MAX_PATH)
                && (path.is_empty() || !fields.is_empty()) =>
        {
            for (key, value) in fields {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                collect_leaves(value, path, leaves);
                path.truncate(length);
            }
        }
        Value::Object(fields) if path.is_empty() => {
            leaves.extend(fields.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        other if !path.is_empty() => leaves.push((path.clone(), other.clone())),
        _not_an_object => {}
    }
}

/// Writes a value at a dotted path into the context of a scope.
pub(super) fn write(state: &mut State, scope: ScopeId, path: &str, value: &Value) {
    let written = match state.scopes.get_mut(&scope).filter(|_| scope != ROOT) {
        Some(scope) => &mut scope.written,
        None => &mut state.written,
    };
    put(written, path, value.clone());
}

/// Puts a value at a dotted path, making objects on the way.
pub(super) fn put(written: &mut Written, path: &str, value: Value) {
    if !written.replaced.contains(path) {
        written.replaced.insert(path.to_owned());
    }
    let Some((root, below)) = path.split_once('.') else {
        written.values.insert(path.to_owned(), value);
        return;
    };
    let mut place = written.values.entry(root).or_insert_with(|| Value::Object(Map::new()));
    for name in below.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = value;
}
