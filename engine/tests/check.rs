//! What checking says about whole definitions, good and bad.

#![expect(clippy::unwrap_used, reason = "the helpers read files that are there")]
#![expect(clippy::disallowed_methods, reason = "the definitions are files")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use sluice_engine::check::{Checked, Existence, Offline, RULES, Registry, RuleStanding, check};
use sluice_engine::definition::{self, Format, MAX_DEFINITION_BYTES};
use sluice_engine::rule::RuleKind;

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/definitions").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn check_file(name: &str, text: &str) -> Checked {
    check(text, Format::guess(text, Some(name)), &Offline)
}

fn check_json(value: &Value) -> Checked {
    check(&value.to_string(), Format::Json, &Offline)
}

fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.problems.iter().map(|problem| problem.code).collect()
}

/// Problems as a person would read them, each with its pointer.
fn report(checked: &Checked) -> String {
    let mut report = String::new();
    for problem in &checked.problems {
        let step = problem.step.as_deref().unwrap_or("-");
        writeln!(report, "{problem}\n    step {step}, pointer \"{}\"", problem.pointer).unwrap();
    }
    report
}

#[test]
fn every_bad_definition_is_refused_with_all_its_problems() {
    for (name, text) in files("bad") {
        let checked = check_file(&name, &text);
        assert!(checked.definition.is_none(), "{name} passed");
        insta::assert_snapshot!(format!("bad {name}"), report(&checked));
    }
}

#[test]
fn every_good_definition_passes_with_its_warnings() {
    for (name, text) in files("good") {
        let checked = check_file(&name, &text);
        assert!(checked.is_valid(), "{name}:\n{}", report(&checked));
        insta::assert_snapshot!(format!("good {name}"), report(&checked));
    }
}

#[test]
fn every_problem_has_a_place_and_a_listed_rule() {
    for (name, text) in files("bad").into_iter().chain(files("good")) {
        for problem in check_file(&name, &text).problems {
            let rule = RULES.iter().find(|(code, ..)| *code == problem.code);
            assert_eq!(rule.map(|rule| rule.1), Some(problem.severity), "{}", problem.code);
            // Only a text with nothing in it has no place.
            assert!(problem.range.is_some() || text.is_empty(), "{name}: {problem}");
        }
    }
}

#[test]
fn every_rule_is_broken_by_some_file() {
    let mut seen: BTreeSet<_> = files("bad")
        .into_iter()
        .chain(files("good"))
        .flat_map(|(name, text)| codes(&check_file(&name, &text)))
        .collect();
    // Broken by the tests below, since they need a registry or a very large text.
    seen.extend(["too-large", "too-deep", "too-many-problems"]);
    seen.extend([
        "unknown-workflow",
        "unknown-service",
        "unknown-secret",
        "unknown-variable",
        "unknown-resource",
        "unregistered-resource",
        "unknown-rule",
        "disabled-rule",
        "wrong-rule",
    ]);
    let unbroken: Vec<_> = RULES.iter().map(|(code, ..)| *code).filter(|code| !seen.contains(code)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}

#[test]
fn the_canonical_form_is_stable_and_means_the_same() {
    for (name, text) in files("good") {
        let first = check_file(&name, &text);
        let canonical = first.canonical.unwrap();
        let again = check_json(&canonical);
        assert!(again.is_valid(), "{name}:\n{}", report(&again));
        assert_eq!(again.canonical.as_ref(), Some(&canonical), "{name}");
        let decoded = definition::decode(&canonical).unwrap();
        let written = first.definition.unwrap();
        assert_eq!(decoded.steps.len(), written.steps.len());
        assert_eq!(without_pointers(&decoded), without_pointers(&written), "{name}");
    }
}

/// The debug form without what differs between a text and its canonical form: pointers, and how an
/// operator is spelt.
fn without_pointers(definition: &definition::Definition) -> String {
    let differs = |line: &str| line.starts_with("pointer:") || line.starts_with("\"operator\": String(");
    format!("{definition:#?}").lines().filter(|line| !differs(line.trim_start())).collect()
}

#[test]
fn the_canonical_form_has_one_spelling() {
    let (_, text) = files("good").into_iter().find(|(name, _)| name == "flat.json").unwrap();
    let canonical = check_file("flat.json", &text).canonical.unwrap();
    assert_eq!(canonical["version"], "2");
    assert!(canonical.get("definition").is_none());
    assert_eq!(canonical["triggers"], json!([{"type": "event", "event": "order.*"}]));
    assert_eq!(canonical["steps"][0]["condition"]["operator"], "gt");
    let block = &canonical["steps"][1];
    assert_eq!(block["action"], json!({"type": "block", "reason": "too much", "metadata": {"a": 1}}));
    assert_eq!(block["execute"][0]["type"], "log");
    assert_eq!(block["execute"][1]["method"], "GET");
    assert_eq!(canonical["steps"][2]["code"], "STOPPED");
}

#[test]
fn the_schema_for_editors_accepts_what_checking_accepts() {
    let schema = definition::compile_schema(&definition::json_schema()).unwrap();
    for (name, text) in files("good") {
        let canonical = check_file(&name, &text).canonical.unwrap();
        let faults: Vec<_> = schema.iter_errors(&canonical).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
    let (_, flat) = files("good").into_iter().find(|(name, _)| name == "flat.json").unwrap();
    assert!(schema.is_valid(&serde_json::from_str(&flat).unwrap()));
    for name in ["typing-errors.json", "missing-everything.json", "decisions.json"] {
        let (_, text) = files("bad").into_iter().find(|(file, _)| file == name).unwrap();
        assert!(!schema.is_valid(&serde_json::from_str(&text).unwrap()), "{name}");
    }
}

#[test]
fn the_three_shapes_mean_the_same() {
    let steps = json!([{"id": "a", "type": "end"}]);
    let trigger = json!({"type": "event", "event": "order.created"});
    let shapes = [
        json!({"workflow_id": "w", "name": "n", "timeout": "1m", "trigger": trigger, "steps": steps}),
        json!({"workflow_id": "w", "name": "n",
               "definition": {"timeout": "1m", "trigger": trigger, "steps": steps}}),
        json!({"workflow_id": "w", "name": "n", "timeout": "1m",
               "definition": {"workflow_id": "other", "name": "other", "timeout": "9m",
                              "triggers": [trigger], "steps": steps}}),
    ];
    let canonical: Vec<_> = shapes.iter().map(|shape| check_json(shape).canonical.unwrap()).collect();
    assert_eq!(canonical[0], canonical[1]);
    assert_eq!(canonical[0], canonical[2]);
}

#[test]
fn a_text_over_the_limit_is_refused_unread() {
    let text = " ".repeat(MAX_DEFINITION_BYTES + 1);
    for format in [Format::Json, Format::Yaml] {
        assert_eq!(codes(&check(&text, format, &Offline)), ["too-large"]);
    }
}

#[test]
fn a_text_nested_too_deep_is_refused_where_it_gets_too_deep() {
    for depth in [65, 200, 10_000] {
        let json = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for format in [Format::Json, Format::Yaml] {
            let checked = check(&json, format, &Offline);
            assert_eq!(codes(&checked), ["too-deep"], "{depth} {format:?}");
            assert!(checked.problems[0].range.is_some());
        }
        let yaml: String = (0..depth.min(1000)).map(|level| " ".repeat(level) + "a:\n").collect();
        assert_eq!(codes(&check(&yaml, Format::Yaml, &Offline)), ["too-deep"], "{depth}");
    }
}

#[test]
fn a_stored_value_nested_too_deep_is_refused() {
    let value = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let problems = definition::decode(&json!({"workflow_id": "w", "steps": value})).unwrap_err();
    assert_eq!(problems[0].code, "too-deep");
}

#[test]
fn problems_over_the_limit_are_counted() {
    let steps: Vec<_> = (0..600).map(|n| json!({"id": format!("s{n}"), "type": "nothing"})).collect();
    let checked = check_json(&json!({"workflow_id": "w", "steps": steps}));
    assert_eq!(checked.problems.len(), 501);
    let last = checked.problems.last().unwrap();
    assert_eq!(last.code, "too-many-problems");
    assert!(last.message.starts_with("699 more"), "{}", last.message);
}

/// Knows nothing but the workflow `known`.
struct Empty;

impl Registry for Empty {
    fn rule(&self, slug: &str) -> RuleStanding {
        match slug {
            "large-order" => RuleStanding::Enabled(RuleKind::Condition),
            "tier" => RuleStanding::Enabled(RuleKind::Enrichment),
            "asleep" => RuleStanding::Disabled,
            other => RuleStanding::absent(other, &["large-order".to_owned(), "tier".to_owned()]),
        }
    }

    fn workflow_exists(&self, workflow_id: &str) -> Existence {
        if workflow_id == "known" { Existence::Yes } else { Existence::No }
    }

    fn service_exists(&self, _: &str) -> Existence {
        Existence::No
    }

    fn resource_exists(&self, _: &str) -> Existence {
        Existence::No
    }

    fn secret_exists(&self, _: &str) -> Existence {
        Existence::No
    }

    fn variable_exists(&self, _: &str) -> Existence {
        Existence::No
    }
}

#[test]
fn names_outside_the_definition_are_looked_up() {
    let execute = json!([
        {"type": "start_workflow", "workflow_id": "known"},
        {"type": "start_workflow", "workflow_id": "gone"},
        {"type": "get_record", "entity": "order", "entity_id": "1", "service": "shop"},
        {"type": "log", "message": "{{ secrets.token }}"},
    ]);
    let definition = json!({"workflow_id": "w", "steps": [
        {"id": "a", "type": "execute", "execute": execute},
    ]});
    let checked = check(&definition.to_string(), Format::Json, &Empty);
    let mut codes = codes(&checked);
    codes.sort_unstable();
    assert_eq!(codes, ["secret-misplaced", "unknown-secret", "unknown-service", "unknown-workflow"]);
}

#[test]
fn what_the_organization_has_not_is_told_where_it_is_named() {
    let definition = json!({
        "workflow_id": "w",
        "triggers": [{"type": "webhook", "path": "a", "verify": {"type": "hmac_sha256", "header": "x-a", "secret": "none"}}],
        "context": {"load": ["order.details", {"name": "a", "optional": true}, {"name": "b"},
            {"name": "c", "loader": "http", "path": "/c", "service": "none"}]},
        "steps": [{"id": "s", "type": "execute", "execute": [
            {"type": "llm", "model": "m", "provider": "none", "prompt": "{{ vars.limit }} {{ integrations.shop.name }}",
                "tools": ["none", "known"]},
            {"type": "llm", "model": "m", "provider": "{{ which }}", "prompt": "x", "tools": ["{{ which }}"]},
        ]}],
    });
    let checked = check(&definition.to_string(), Format::Json, &Empty);
    let mut found: Vec<_> = checked.problems.iter().map(|found| (found.code, found.pointer.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("unknown-path", "/steps/0/execute/0/prompt"),
            ("unknown-resource", "/context/load/2"),
            ("unknown-secret", "/triggers/0/verify/secret"),
            ("unknown-service", "/context/load/3/service"),
            ("unknown-service", "/steps/0/execute/0/provider"),
            ("unknown-variable", "/steps/0/execute/0/prompt"),
            ("unknown-workflow", "/steps/0/execute/0/tools/0"),
            ("unregistered-resource", "/context/load/0"),
            ("unregistered-resource", "/context/load/1"),
        ]
    );
    assert!(check(&definition.to_string(), Format::Json, &Offline).problems.is_empty());
}

#[test]
fn a_statement_or_document_that_is_loaded_is_no_template() {
    for (loader, query, is_right) in [
        ("sql", "values ('{{ id }}')", false),
        ("sql", "values ($1)", true),
        ("graphql", "{ order(id: \"{{ id }}\") { total } }", false),
        ("graphql", "query($id: ID!) { order(id: $id) { total } }", true),
    ] {
        let load =
            json!([{"name": "a", "loader": loader, "service": "s", "query": query, "params": {"id": "{{ id }}"}}]);
        let steps = json!([{"id": "end", "type": "end"}]);
        let checked = check_json(&json!({"workflow_id": "w", "context": {"load": load}, "steps": steps}));
        assert_eq!(!codes(&checked).contains(&"sql-template"), is_right, "{loader} {query}: {}", report(&checked));
    }
}

#[test]
fn a_rule_that_cannot_be_used_is_told_where_it_is_named() {
    let definition = json!({"workflow_id": "w", "steps": [
        {"id": "a", "type": "condition", "rule_id": "large-order", "on_true": "b", "on_false": "b"},
        {"id": "b", "type": "switch", "cases": [
            {"rule_id": "large-order", "next": "c"}, {"rule_id": "large_ordr", "next": "c"}, {"rule_id": "asleep", "next": "c"},
        ], "default": "c"},
        {"id": "c", "type": "set", "rule_id": "tier", "next": "d"},
        {"id": "d", "type": "set", "rule_id": "large-order", "next": "e"},
        {"id": "e", "type": "condition", "rule_id": "tier"},
    ]});
    let checked = check(&definition.to_string(), Format::Json, &Empty);
    let found: Vec<_> = checked.problems.iter().map(|found| (found.code, found.pointer.as_str())).collect();
    assert_eq!(
        found,
        [
            ("unknown-rule", "/steps/1/cases/1/rule_id"),
            ("disabled-rule", "/steps/1/cases/2/rule_id"),
            ("wrong-rule", "/steps/3/rule_id"),
            ("wrong-rule", "/steps/4/rule_id"),
        ]
    );
    assert_eq!(checked.problems[0].suggestion.as_deref(), Some("did you mean `large-order`?"));
    assert!(check(&definition.to_string(), Format::Json, &Offline).is_valid());
}

#[test]
fn five_hundred_steps_are_checked_at_once() {
    let step = |n: u32| {
        json!({
            "id": format!("s{n}"), "type": "condition", "next": format!("s{}", (n + 1).min(499)),
            "condition": {"and": [
                {"field": "order.total", "operator": "gte", "value": n},
                {"field": "order.kind", "operator": "eq", "value": "{{ wanted.kind }}"},
            ]},
            "on_true": format!("s{}", n + 1), "on_false": "s499",
        })
    };
    let mut steps: Vec<_> = (0..499).map(step).collect();
    steps.push(json!({"id": "s499", "type": "end"}));
    let text = json!({"workflow_id": "long", "steps": steps}).to_string();
    // How long it takes is a matter of the benchmarks; here it must only be right.
    let checked = check(&text, Format::Json, &Offline);
    assert!(checked.is_valid(), "{}", report(&checked));
}

#[test]
fn a_text_made_to_be_slow_is_answered_soon() {
    let many = |count: usize, entry: &dyn Fn(usize) -> String| (0..count).map(entry).collect::<Vec<_>>().join(",");
    let texts = [
        // Unknown keys, each compared with all known ones.
        format!(r#"{{"workflow_id": "w", {}}}"#, many(70_000, &|n| format!(r#""key{n}":1"#))),
        // Unknown references, each compared with all steps.
        format!(
            r#"{{"workflow_id": "w", "steps": [{}]}}"#,
            many(15_000, &|n| format!(r#"{{"id":"step{n}","type":"set","set":{{"a":1}},"next":"stop{n}"}}"#))
        ),
        // Circles.
        format!(
            r#"{{"workflow_id": "w", "steps": [{}]}}"#,
            many(15_000, &|n| format!(
                r#"{{"id":"s{n}","type":"set","set":{{"a":1}},"next":"s{}"}}"#,
                (n + 1) % 15_000
            ))
        ),
    ];
    for text in texts {
        assert!(text.len() < MAX_DEFINITION_BYTES, "{}", text.len());
        // Work that grew with the square of the text would be ended by the runner's limit on one test.
        assert!(!check(&text, Format::Json, &Offline).is_valid(), "{}", &text[..60]);
    }
}
