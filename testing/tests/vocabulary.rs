//! The workflows in `tests/workflows/vocabulary` have every word that the engine knows. Their cases run offline, where
//! `tests/tests/case_files.rs` wants each of their steps and ways reached, and through the API, in
//! `tests/tests/vocabulary.rs`: so a word that is new to the language is run in both ways.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

use std::collections::BTreeSet;
use std::path::Path;

use engine::definition::{action_types, backoffs, decisions, json_schema, step_types, strategies};
use engine::expr::{FILTERS, operators};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Keys that stand in none of the workflows, by why.
const ELSEWHERE: [(&str, &[&str]); 2] = [
    (
        "of schedules, which `schedules.rs` in `tests/tests` is about",
        &["catch_up", "catch_up_limit", "cron", "overlap", "timezone"],
    ),
    ("needs more than a workflow: rules of the organization, and a workflow for each item", &["rule_id", "spread"]),
];

/// The workflows, as they are written.
fn workflows() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/workflows/vocabulary");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let workflow: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            found.push(workflow);
        }
    }
    found
}

/// Every object within `value`, itself included.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v Object>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| objects(member, found)),
        Value::Object(fields) => {
            found.push(fields);
            fields.values().for_each(|field| objects(field, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The texts that stand under `key`.
fn under<'v>(objects: &[&'v Object], key: &str) -> BTreeSet<&'v str> {
    objects.iter().filter_map(|fields| fields.get(key)?.as_str()).collect()
}

/// The names behind the bars of templates.
fn filters(texts: &[String]) -> BTreeSet<&str> {
    let behind = texts.iter().flat_map(|text| text.split('|').skip(1));
    behind.filter_map(|rest| rest.trim_start().split(|c: char| !c.is_alphanumeric()).next()).collect()
}

#[test]
fn every_word_of_the_language_stands_in_a_workflow_that_is_run() {
    let workflows = workflows();
    let mut all = Vec::new();
    for workflow in &workflows {
        objects(workflow, &mut all);
    }
    let steps: Vec<&Object> =
        all.iter().copied().filter(|fields| fields.contains_key("id") && fields.contains_key("type")).collect();
    let lists = steps.iter().filter_map(|step| step.get("execute")?.as_array());
    let actions: Vec<&Object> = lists.flatten().filter_map(Value::as_object).collect();
    let spelt_out: Vec<&Object> = steps.iter().filter_map(|step| step.get("action")?.as_object()).collect();
    let decided: BTreeSet<&str> = &under(&steps, "action") | &under(&spelt_out, "type");
    let texts: Vec<String> = workflows.iter().map(Value::to_string).collect();
    let schema = json_schema();
    let loaders = schema["$defs"]["load"]["oneOf"][1]["properties"]["loader"]["enum"].as_array().unwrap();
    let sets: [(&str, BTreeSet<&str>, Vec<&str>); 8] = [
        ("step type", under(&steps, "type"), step_types().collect()),
        ("action", under(&actions, "type"), action_types().collect()),
        ("loader", under(&all, "loader"), loaders.iter().filter_map(Value::as_str).collect()),
        ("decision", decided, decisions().collect()),
        ("strategy", under(&all, "strategy"), strategies().collect()),
        ("backoff", under(&all, "backoff"), backoffs().collect()),
        ("operator", under(&all, "operator"), operators().collect()),
        ("filter", filters(&texts), FILTERS.to_vec()),
    ];
    for (what, used, known) in sets {
        let missing: Vec<&str> = known.into_iter().filter(|word| !used.contains(word)).collect();
        assert!(missing.is_empty(), "no workflow in tests/workflows/vocabulary has the {what} {missing:?}");
    }
}

#[test]
fn every_key_of_the_language_stands_in_a_workflow_that_is_run_or_here_with_the_reason() {
    let (workflows, schema) = (workflows(), json_schema());
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    for workflow in &workflows {
        objects(workflow, &mut all);
    }
    objects(&schema, &mut parts);
    let properties = parts.iter().filter_map(|part| part.get("properties")?.as_object());
    let known: BTreeSet<&str> = properties.flat_map(Map::keys).map(String::as_str).collect();
    let used: BTreeSet<&str> = all.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let missing: BTreeSet<&str> = known.difference(&used).copied().collect();
    let listed: BTreeSet<&str> = ELSEWHERE.iter().flat_map(|(_why, keys)| keys.iter().copied()).collect();
    assert_eq!(missing, listed, "keys that no workflow in tests/workflows/vocabulary has, and those that need none");
}
