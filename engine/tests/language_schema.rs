//! The JSON Schema of the language against definitions: those that are right fit, broken ones do not.

#![expect(clippy::unwrap_used, reason = "the helpers read files that are there")]
#![expect(clippy::disallowed_methods, reason = "the definitions are files")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_engine::definition::json_schema;

/// Compiling the schema takes longer than all that is done with it.
static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&json_schema()).unwrap());

fn errors(definition: &Value) -> Vec<String> {
    SCHEMA.iter_errors(definition).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The definitions of the repository.
fn definitions() -> Vec<PathBuf> {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let examples = entries(root().join("examples")).map(|example| example.join("workflow.yaml"));
    let mut files: Vec<_> = examples.filter(|file| file.exists()).collect();
    let is_case = |file: &PathBuf| file.to_string_lossy().ends_with(".case.yaml");
    let is_yaml = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "yaml");
    for folder in ["tests/workflows", "tests/workflows/vocabulary"] {
        files.extend(entries(root().join(folder)).filter(|file| is_yaml(file) && !is_case(file)));
    }
    files.extend(entries(root().join("engine/tests/definitions/good")));
    files.sort();
    assert!(files.len() > 10);
    files
}

#[test]
fn every_definition_of_the_repository_fits() {
    for file in definitions() {
        let text = std::fs::read_to_string(&file).unwrap();
        // Sluice, like the editors, reads YAML 1.2, in which `on` is a word.
        let options = serde_saphyr::options! { strict_booleans: true };
        let definition: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
        assert_eq!(errors(&definition), Vec::<String>::new(), "{}", file.display());
    }
}

fn with(step: Value) -> Value {
    json!({ "workflow_id": "whole", "steps": [step] })
}

#[test]
fn every_step_type_fits_with_its_keys() {
    let inner = json!([{ "id": "inner", "type": "end" }]);
    let started = json!({ "id": "inner", "type": "workflow", "workflow": { "workflow_id": "other" } });
    for step in [
        json!({ "id": "a", "type": "parallel", "parallel": { "branches": [inner], "strategy": "best_effort" } }),
        json!({ "id": "a", "type": "foreach", "foreach": { "items": "{{ lines }}", "steps": inner, "item_var": "line" } }),
        json!({ "id": "a", "type": "foreach", "foreach": { "items": "{{ lines }}", "spread": true, "steps": [started] } }),
        json!({ "id": "a", "type": "while", "while": { "steps": inner, "max_iterations": 5,
            "condition": { "field": "n", "operator": "<", "value": 3 } } }),
        json!({ "id": "a", "type": "wait", "wait": { "for": "5m" } }),
        json!({ "id": "a", "type": "approval", "approval": { "role": "manager", "expires_in": "24h" } }),
        json!({ "id": "a", "type": "workflow", "workflow": { "workflow_id": "other", "input": { "a": 1 } } }),
    ] {
        assert_eq!(errors(&with(step.clone())), Vec::<String>::new(), "{step}");
    }
}

#[test]
fn broken_definitions_do_not_fit() {
    for broken in [
        json!({ "steps": [] }),
        json!({ "workflow_id": "Not A Slug", "steps": [{ "id": "a", "type": "end" }] }),
        json!({ "workflow_id": "w", "step": [{ "id": "a", "type": "end" }] }),
        with(json!({ "id": "a" })),
        with(json!({ "id": "a", "type": "conditon" })),
        with(json!({ "id": "a", "type": "end", "onError": "b" })),
        with(
            json!({ "id": "a", "type": "condition", "condition": { "field": "a", "operator": "graeter_than", "value": 1 } }),
        ),
        with(json!({ "id": "a", "type": "condition", "condition": { "field": "a", "value": 1 } })),
        with(
            json!({ "id": "a", "type": "execute", "execute": [{ "type": "http_requst", "url": "https://example.org" }] }),
        ),
        with(json!({ "id": "a", "type": "execute", "execute": [{ "type": "log", "message": "x", "level": "loud" }] })),
        with(json!({ "id": "a", "type": "parallel", "parallel": { "branches": [[]], "strategy": "some" } })),
        with(json!({ "id": "a", "type": "wait", "wait": { "fro": "5m" } })),
        with(json!({ "id": "a", "type": "workflow", "workflow": { "input": {} } })),
        with(json!({ "id": "a", "type": "foreach",
            "foreach": { "items": [1], "spread": true, "steps": [{ "id": "b", "type": "end" }] } })),
    ] {
        assert!(!errors(&broken).is_empty(), "{broken} fits");
    }
}
