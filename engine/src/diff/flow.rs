//! The steps of a definition with their places, nested ones too.

use serde_json::{Map, Value};

use crate::pointer;

/// Keys of a step, and of what hangs on it, that name a step.
pub(super) const TARGETS: [&str; 9] =
    ["next", "on_error", "on_true", "on_false", "default", "on_approved", "on_rejected", "on_expired", "on_timeout"];

/// A step where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) id: &'a str,
    pub(crate) pointer: String,
    /// The step that it stands in; none in the flow itself.
    pub(crate) within: Option<&'a str>,
    /// The branch that it stands in.
    pub(crate) branch: usize,
    /// Place in that list.
    pub(crate) index: usize,
    /// How many branches it holds.
    pub(crate) branches: usize,
    /// All that it says of itself: neither its id nor the steps that it holds.
    pub(crate) own: Value,
}

/// Every step, in the order written.
pub(crate) fn places(definition: &Value) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    collect(definition.get("steps"), "/steps", (None, 0), &mut found);
    found
}

fn collect<'a>(list: Option<&'a Value>, at: &str, within: (Option<&'a str>, usize), found: &mut Vec<Place<'a>>) {
    for (index, step) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let (Some(fields), Some(id)) = (step.as_object(), step.get("id").and_then(Value::as_str)) else { continue };
        let pointer = pointer::join_index(at, index);
        let mut own: Map<String, Value> =
            fields.iter().filter(|(key, _)| *key != "id").map(|(key, value)| (key.clone(), value.clone())).collect();
        for (holder, key) in [("parallel", "steps"), ("parallel", "branches"), ("foreach", "steps"), ("while", "steps")]
        {
            if let Some(Value::Object(held)) = own.get_mut(holder) {
                held.remove(key);
            }
        }
        let below = |holder: &str, key: &str| step.get(holder).and_then(|held| held.get(key));
        let branches = below("parallel", "branches").or_else(|| below("parallel", "steps"));
        found.push(Place {
            id,
            pointer: pointer.clone(),
            within: within.0,
            branch: within.1,
            index,
            branches: branches.and_then(Value::as_array).map_or(0, Vec::len),
            own: Value::Object(own),
        });
        for holder in ["foreach", "while"] {
            collect(below(holder, "steps"), &format!("{pointer}/{holder}/steps"), (Some(id), 0), found);
        }
        // Each of these is a branch of its own, as each list of `branches` is.
        if below("parallel", "steps").is_some() {
            let at = format!("{pointer}/parallel/steps");
            let first = found.len();
            collect(below("parallel", "steps"), &at, (Some(id), 0), found);
            let mut branch = 0;
            for place in &mut found[first..] {
                if place.within == Some(id) {
                    (place.branch, place.index) = (branch, 0);
                    branch += 1;
                }
            }
        }
        if let Some(Value::Array(branches)) = below("parallel", "branches") {
            for (branch, list) in branches.iter().enumerate() {
                collect(Some(list), &format!("{pointer}/parallel/branches/{branch}"), (Some(id), branch), found);
            }
        }
    }
}

/// Applies `rename` to every name of a step in `value`.
pub(super) fn retarget(value: &mut Value, rename: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(name) if TARGETS.contains(&key.as_str()) => {
                        if let Some(new) = rename(name) {
                            *name = new;
                        }
                    }
                    other => retarget(other, rename),
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| retarget(entry, rename)),
        _plain => {}
    }
}
