//! The one spelling that is stored: outer keys merged, synonyms resolved (definition-language §1).
//!
//! Works on the value rather than on the decoded definition, so that durations, templates and free
//! keys stay as their author wrote them.

use serde_json::{Map, Value};

/// The canonical form of a definition that decodes. Applied twice, it changes nothing more.
pub(crate) fn of(root: &Value) -> Value {
    let Value::Object(outer) = root else { return root.clone() };
    let mut merged = Map::new();
    if let Some(Value::Object(inner)) = outer.get("definition") {
        merged.extend(inner.iter().map(|(key, value)| (key.clone(), value.clone())));
        // The outer triggers win, whichever of the two spellings either has.
        if present(outer, "trigger") || present(outer, "triggers") {
            merged.remove("trigger");
            merged.remove("triggers");
        }
    }
    for (key, value) in outer.iter().filter(|(key, _)| *key != "definition") {
        if !value.is_null() || !merged.contains_key(key) {
            merged.insert(key.clone(), value.clone());
        }
    }
    merged.retain(|_, value| !value.is_null());
    triggers(&mut merged);
    if let Some(version @ Value::Number(_)) = merged.get_mut("version") {
        *version = Value::String(version.to_string());
    }
    if let Some(missing @ Value::Bool(false)) = merged.get_mut("missing_fields") {
        *missing = Value::String("false".to_owned());
    }
    steps(merged.get_mut("steps"));
    Value::Object(merged)
}

fn present(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).is_some_and(|value| !value.is_null())
}

fn triggers(root: &mut Map<String, Value>) {
    let found = root.remove("trigger").or_else(|| root.remove("triggers"));
    let mut list = match found {
        None => return,
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    for trigger in &mut list {
        condition(trigger.get_mut("condition"));
        upper_case(trigger.get_mut("method"));
    }
    root.insert("triggers".to_owned(), Value::Array(list));
}

fn steps(list: Option<&mut Value>) {
    for step in entries(list) {
        if let Value::Object(step) = step {
            one_step(step);
        }
    }
}

fn one_step(step: &mut Map<String, Value>) {
    condition(step.get_mut("when"));
    condition(step.get_mut("condition"));
    for case in entries(step.get_mut("cases")) {
        condition(case.get_mut("when"));
    }
    match step.get("type").and_then(Value::as_str) {
        Some("action") => decision(step),
        Some("fail") => lift(step, "fail"),
        _ => {}
    }
    for action in entries(step.get_mut("execute")) {
        if let Value::Object(action) = action {
            rename(action, "action", "type");
            upper_case(action.get_mut("method"));
            if action.get("type").is_some_and(|kind| kind == "create_approval_request")
                && let Some(Value::Object(data)) = action.get_mut("data")
            {
                rename(data, "approver_role", "role");
            }
        }
    }
    if let Some(Value::Object(approval)) = step.get_mut("approval") {
        rename(approval, "approver_role", "role");
    }
    if let Some(parallel) = step.get_mut("parallel") {
        steps(parallel.get_mut("steps"));
        for branch in entries(parallel.get_mut("branches")) {
            steps(Some(branch));
        }
    }
    for key in ["foreach", "while"] {
        if let Some(inner) = step.get_mut(key) {
            condition(inner.get_mut("condition"));
            steps(inner.get_mut("steps"));
        }
    }
}

/// `"action": "block", "reason": …` becomes `"action": {"type": "block", "reason": …}`.
fn decision(step: &mut Map<String, Value>) {
    match step.get_mut("action") {
        Some(Value::Object(decision)) => rename(decision, "action", "type"),
        Some(kind @ Value::String(_)) => {
            let mut decision = Map::new();
            decision.insert("type".to_owned(), kind.take());
            if let Some(reason) = step.remove("reason") {
                decision.insert("reason".to_owned(), reason);
            }
            if let Some(metadata) = step.get("metadata") {
                decision.insert("metadata".to_owned(), metadata.clone());
            }
            step.insert("action".to_owned(), Value::Object(decision));
        }
        _ => {}
    }
}

/// Moves the members of an inner object out of it.
fn lift(step: &mut Map<String, Value>, key: &str) {
    if let Some(Value::Object(inner)) = step.remove(key) {
        step.extend(inner);
    }
}

fn rename(map: &mut Map<String, Value>, from: &str, to: &str) {
    if !map.contains_key(to)
        && let Some(value) = map.remove(from)
    {
        map.insert(to.to_owned(), value);
    }
}

fn upper_case(method: Option<&mut Value>) {
    if let Some(Value::String(method)) = method {
        method.make_ascii_uppercase();
    }
}

fn condition(value: Option<&mut Value>) {
    let Some(Value::Object(condition_map)) = value else { return };
    if let Some(Value::String(operator)) = condition_map.get_mut("operator")
        && let Some(canonical) = crate::expr::canonical_operator(operator)
    {
        canonical.clone_into(operator);
    }
    for key in ["and", "or"] {
        for child in entries(condition_map.get_mut(key)) {
            condition(Some(child));
        }
    }
    condition(condition_map.get_mut("not"));
}

fn entries(value: Option<&mut Value>) -> &mut [Value] {
    match value {
        Some(Value::Array(list)) => list,
        _ => &mut [],
    }
}
