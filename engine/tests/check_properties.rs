//! No text, however mangled, makes checking panic or lie.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sluice_engine::check::{Offline, RULES, check};
use sluice_engine::definition::{self, Format};
use sluice_engine::problem::Problem;

/// A definition in which every kind of step and most keys occur.
fn seed() -> Value {
    json!({
        "workflow_id": "seed", "version": "1", "timeout": "5m",
        "triggers": [{"type": "event", "event": "order.*"}, {"type": "schedule", "cron": "0 9 * * 1"}],
        "input": {"type": "object", "properties": {"order": {"type": "object"}}},
        "context": {"load": ["order.details", {"name": "a.b", "loader": "http", "path": "/x"}]},
        "steps": [
            {"id": "check", "type": "condition", "on_true": "decide", "on_false": "many",
             "condition": {"and": [{"field": "order.total", "operator": "gte", "value": 5},
                                   {"not": {"field": "order.id", "operator": "regex", "value": "^a+$"}}]}},
            {"id": "decide", "type": "action", "action": "block", "reason": "{{ order.total }}",
             "execute": [{"type": "create_approval_request", "data": {"role": "boss", "n": 1}}],
             "on_approved": "call"},
            {"id": "call", "type": "execute", "retry": {"max_attempts": 3, "retry_on": ["5xx", 429]},
             "execute": [{"type": "http_request", "url": "https://example.org/{{ order.id }}",
                          "headers": {"A": "b"}, "body": {"a": [1, "{{ now }}"]}}], "next": "pause"},
            {"id": "pause", "type": "wait", "wait": {"event": "x.y", "match": ["x.id"], "timeout": "1h"},
             "next": "check"},
            {"id": "many", "type": "parallel", "parallel": {"branches": [[{"id": "p", "type": "end"}]]},
             "next": "each"},
            {"id": "each", "type": "foreach", "next": "again",
             "foreach": {"items": "{{ items }}", "steps": [{"id": "f", "type": "set", "set": {"a.b": 1}}]}},
            {"id": "again", "type": "while", "next": "pick",
             "while": {"condition": {"field": "a", "operator": "exists"}, "steps": [{"id": "w", "type": "end"}]}},
            {"id": "pick", "type": "switch", "cases": [{"when": {"expression": "a > 1"}, "next": "stop"}],
             "default": "child"},
            {"id": "child", "type": "workflow", "workflow": {"workflow_id": "other"}, "next": "ask"},
            {"id": "ask", "type": "approval", "approval": {"users": ["a"], "form": {"type": "object"}}},
            {"id": "stop", "type": "fail", "code": "X", "message": "m"},
        ],
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-z_{}.*\\[\\]$ ]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["steps", "check", "end", "condition", "5m", "{{ a }}", "{{"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,8}",
        prop::sample::select(vec![
            "id",
            "type",
            "next",
            "steps",
            "condition",
            "and",
            "or",
            "not",
            "field",
            "operator",
            "value",
            "expression",
            "definition",
            "trigger",
            "action",
            "execute",
            "wait",
            "foreach",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Replaces the value at the `at`-th place, counted through the whole tree.
fn replace(tree: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *tree = with.clone();
        *at = usize::MAX;
        return;
    }
    *at = at.saturating_sub(usize::from(*at != usize::MAX));
    match tree {
        Value::Array(entries) => entries.iter_mut().for_each(|entry| replace(entry, at, with)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, at, with)),
        _ => {}
    }
}

/// Checks in both formats, and looks at what every answer must be like.
fn check_both(text: &str) {
    for format in [Format::Json, Format::Yaml] {
        let checked = check(text, format, &Offline);
        let has_errors = checked.problems.iter().any(Problem::is_error);
        assert_eq!(checked.definition.is_none(), has_errors);
        for problem in &checked.problems {
            assert!(RULES.iter().any(|(code, ..)| *code == problem.code), "{}", problem.code);
            assert!(!problem.message.is_empty());
            if let Some(range) = problem.range {
                let start = (range.start_line, range.start_column);
                assert!(start >= (1, 1) && start <= (range.end_line, range.end_column), "{problem}");
            }
        }
        if let Some(canonical) = checked.canonical {
            let again = check(&canonical.to_string(), Format::Json, &Offline);
            assert_eq!(again.canonical, Some(canonical));
        }
    }
}

#[test]
fn the_seed_itself_decodes() {
    definition::decode(&seed()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        check_both(&text);
    }

    #[test]
    fn any_value_is_answered(value in any_value()) {
        check_both(&value.to_string());
        check_both(&json!({"workflow_id": "w", "steps": value}).to_string());
        let _ = definition::decode(&value);
    }

    #[test]
    fn a_definition_with_a_value_exchanged_is_answered(at in 0_usize..220, with in any_value()) {
        let mut tree = seed();
        replace(&mut tree, &mut at.clone(), &with);
        check_both(&tree.to_string());
    }

    #[test]
    fn a_definition_with_its_text_damaged_is_answered(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..4),
        pretty in any::<bool>(),
    ) {
        let text = if pretty { format!("{:#}", seed()) } else { seed().to_string() };
        let mut letters: Vec<char> = text.chars().collect();
        for (at, letter) in damages {
            let at = at.index(letters.len());
            letters[at] = letter;
        }
        check_both(&letters.into_iter().collect::<String>());
    }
}
