//! Writes what was seen into what is expected.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::expect::Difference;
use crate::secrets::hidden_in;
use crate::seen::Seen;

/// What says most of a run.
const ALWAYS: [&str; 8] =
    ["status", "result", "reason", "steps_visited", "http_calls", "records", "notifications", "started"];
/// Lists of what left the execution.
const LEFT: [&str; 5] = ["http_calls", "records", "notifications", "llm_calls", "started"];

/// The case as a JSON value, with `expect` changed to what was seen wherever it differs. What is not expected
/// stays so, except that an empty `expect` gets what says most.
#[must_use]
pub fn updated(mut written: Value, case: &Case, seen: &Seen, differences: &[Difference]) -> Value {
    let all = json!(seen);
    let Some(fields) = written.as_object_mut() else { return written };
    let expect = fields.entry("expect").or_insert_with(|| Value::Object(Map::new()));
    let Some(expect) = expect.as_object_mut() else { return written };
    if expect.is_empty() {
        for name in ALWAYS {
            let value = &all[name];
            if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                expect.insert(name.to_owned(), shown(name, value, seen));
            }
        }
    }
    for name in expect.keys().cloned().collect::<Vec<_>>() {
        let differs = differences.iter().any(|difference| {
            difference
                .place
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ',']))
        });
        match (differs, name.as_str()) {
            (true, "error_contains") => {
                expect.insert(name, json!([seen.error_code]));
            }
            (true, "context") => {
                let known: Map<String, Value> = case
                    .expect
                    .context
                    .iter()
                    .flatten()
                    .map(|(key, _)| (key.clone(), all["context"][key].clone()))
                    .collect();
                expect.insert(name, Value::Object(known));
            }
            (true, _) => {
                let value = shown(&name, &all[&name], seen);
                expect.insert(name, value);
            }
            (false, _) => {}
        }
    }
    written
}

/// Of calls, what says most: not every header, and no values of secrets.
fn shown(name: &str, value: &Value, seen: &Seen) -> Value {
    let Some(list) = value.as_array().filter(|_| LEFT.contains(&name)) else { return value.clone() };
    let calls = list.iter().map(|call| {
        let mut call = call.clone();
        if let Some(fields) = call.as_object_mut() {
            fields.remove("headers");
            fields.retain(|_, value| !value.is_null());
        }
        call
    });
    hidden_in(calls.collect(), &seen.secrets)
}
