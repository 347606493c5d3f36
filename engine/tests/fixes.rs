//! Every correction that a finding offers makes the finding go away.

use serde_json::{Value, json};
use sluice_engine::check::{Offline, check};
use sluice_engine::definition::Format;
use sluice_engine::fix::{apply, in_words};
use sluice_engine::problem::Problem;

fn problems(definition: &Value) -> Vec<Problem> {
    check(&definition.to_string(), Format::Json, &Offline).problems
}

/// A whole definition around some steps, the last of which is called `last`.
fn with(mut steps: Vec<Value>) -> Value {
    steps.push(json!({ "id": "last", "type": "end" }));
    json!({ "workflow_id": "broken", "steps": steps })
}

fn call(extra: (&str, Value)) -> Value {
    let mut action = json!({ "type": "http_request", "url": "https://example.org" });
    action[extra.0] = extra.1;
    json!({ "id": "call", "type": "execute", "retry": { "max_attempts": 2 }, "next": "last", "execute": [action] })
}

fn test(condition: Value) -> Value {
    json!({ "id": "test", "type": "condition", "condition": condition, "on_true": "last" })
}

/// Broken definitions, each with the rule that finds it and the correction in words.
fn broken() -> Vec<(Value, &'static str, &'static str)> {
    let set = |key: &str, value: Value| {
        let mut step = json!({ "id": "first", "type": "set", "set": { "a": 1 }, "next": "last" });
        step[key] = value;
        step
    };
    vec![
        (
            with(vec![json!({ "id": "test", "type": "condition", "condition": { "field": "a", "operator": "exists" },
            "onTrue": "last" })]),
            "unknown-key",
            "replace with `on_true`",
        ),
        (
            with(vec![json!({ "id": "first", "typ": "set", "set": { "a": 1 }, "next": "last" })]),
            "unknown-key",
            "replace with `type`",
        ),
        (
            with(vec![json!({ "id": "first", "set": { "a": 1 }, "next": "last" })]),
            "missing-key",
            "add `\"type\": \"set\"`",
        ),
        (
            with(vec![json!({ "id": "test", "type": "conditon", "condition": { "field": "a", "operator": "exists" },
            "on_true": "last" })]),
            "unknown-word",
            "replace with `condition`",
        ),
        (with(vec![set("next", json!("lsat"))]), "unknown-step", "replace with `last`"),
        (
            with(vec![json!({ "id": "first", "type": "set", "set": { "a": 1 } })]),
            "unreachable-step",
            "add `\"next\": \"last\"`",
        ),
        (with(vec![set("timeout", json!("5 minutes"))]), "bad-duration", "replace with `5m`"),
        (with(vec![call(("type", json!("http_requst")))]), "unknown-word", "replace with `http_request`"),
        (with(vec![call(("method", json!("PSOT")))]), "bad-method", "replace with `POST`"),
        (with(vec![call(("max_response_bytes", json!("1000")))]), "wrong-type", "replace with `1000`"),
        (with(vec![call(("optional", json!("yes")))]), "wrong-type", "replace with `true`"),
        (with(vec![test(json!({ "field": "a", "operater": "exists" }))]), "unknown-key", "replace with `operator`"),
        (with(vec![test(json!({ "field": "a", "operator": "exsts" }))]), "bad-operator", "replace with `exists`"),
        (
            with(vec![test(json!({ "field": "a", "operator": "older_than", "value": "30 days" }))]),
            "bad-duration",
            "replace with `30d`",
        ),
        (
            with(vec![test(json!({ "and": [{ "field": "steps.tset.output", "operator": "exists" }] }))]),
            "unknown-path",
            "replace with `steps.test.output`",
        ),
        (
            with(vec![test(json!({ "field": "steps.test.ouput.result", "operator": "exists" }))]),
            "unknown-path",
            "replace with `steps.test.output.result`",
        ),
        (
            with(vec![
                json!({ "id": "all", "type": "foreach", "next": "last", "foreach": { "items": [1], "spread": true,
                "steps": [{ "id": "one", "type": "workflow", "workflow": { "workflow_id": "w", "wait": false } }] } }),
            ]),
            "bad-spread",
            "replace with `true`",
        ),
        (
            json!({ "workflow_id": "broken", "name": 5, "steps": [{ "id": "last", "type": "end" }] }),
            "wrong-type",
            "replace with `5`",
        ),
        (
            json!({ "workflow_id": "broken", "priority": "hihg", "steps": [{ "id": "last", "type": "end" }] }),
            "unknown-word",
            "replace with `high`",
        ),
    ]
}

#[test]
fn every_correction_makes_its_finding_go_away() {
    for (definition, code, words) in broken() {
        let found = problems(&definition);
        let Some(problem) = found.iter().find(|problem| problem.code == code) else {
            panic!("{code} is not found in {definition}: {found:#?}");
        };
        assert_eq!(in_words(&problem.fix).as_deref(), Some(words), "{problem:#?}");
        let corrected = apply(definition.clone(), &problem.fix).unwrap();
        let left = problems(&corrected);
        assert!(left.iter().all(|left| left.code != code), "{corrected}: {left:#?}");
        assert!(left.len() < found.len(), "{corrected}: {left:#?}");
    }
}

#[test]
fn a_finding_without_a_safe_correction_offers_none() {
    let definition = json!({ "workflow_id": "broken", "steps": [
        { "id": "first", "type": "set", "set": { "a": 1 }, "timeout": 30, "colour": "red", "next": "elsewhere" },
    ] });
    let found = problems(&definition);
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>().len(), 3);
    assert!(found.iter().all(|problem| problem.fix.is_empty()), "{found:#?}");
}

#[test]
fn a_correction_is_a_json_patch() {
    let definition = with(vec![json!({ "id": "first", "typ": "set", "set": { "a": 1 }, "next": "last" })]);
    let problem = problems(&definition).into_iter().find(|problem| problem.code == "unknown-key").unwrap();
    assert_eq!(
        serde_json::to_value(&problem.fix).unwrap(),
        json!([{ "op": "remove", "path": "/steps/0/typ" }, { "op": "add", "path": "/steps/0/type", "value": "set" }])
    );
}
