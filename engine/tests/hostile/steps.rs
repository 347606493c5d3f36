//! Definitions whose steps are too many, too deep, or oddly named.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_engine::definition::Format::Json;
use sluice_engine::definition::MAX_DEFINITION_BYTES;
use sluice_engine::plan::{Plan, Settings};

use crate::world::{World, checked, refused, workflow};

#[test]
fn steps_nest_as_deep_as_lists_and_objects_may() {
    let nest = |levels: usize, kind: &str| {
        (0..levels).fold(json!([{ "id": "innermost", "type": "end" }]), |steps, level| match kind {
            "parallel" => json!([{ "id": format!("s{level}"), "type": "parallel", "parallel": { "steps": steps } }]),
            _loop => json!([{ "id": format!("s{level}"), "type": "foreach",
                "foreach": { "items": [1], "steps": steps } }]),
        })
    };
    for kind in ["parallel", "foreach"] {
        assert_eq!(refused(&workflow(nest(200, kind)).to_string(), Json), ["too-deep"]);
        let world = World::checked(nest(19, kind), json!({}));
        assert_eq!(world.error(), None);
        assert!(world.state.has_ended());
    }
}

#[test]
fn ten_thousand_steps_are_checked_and_run_up_to_the_budget() {
    let steps = |count: usize| -> Value {
        (0..count)
            .map(|n| {
                let mut step = json!({ "id": format!("s{n}"), "type": "set", "set": { "n": 1 } });
                if n + 1 < count {
                    step["next"] = json!(format!("s{}", n + 1));
                }
                step
            })
            .collect()
    };
    let world = World::checked(steps(10_000), json!({}));
    assert!(world.state.has_ended());
    assert_eq!(world.error(), None);
    assert!(world.most_events <= 2_100, "{} events at once", world.most_events);
    let world = World::checked(steps(10_001), json!({}));
    assert_eq!(world.error(), Some("STEP_BUDGET"));
}

#[test]
fn many_misspelt_references_and_paths_cost_no_more_than_a_bound() {
    let mut steps = String::new();
    for n in 0..8_000 {
        write!(steps, "{{\"id\":\"step_number_{n}\",\"type\":\"end\",\"name\":\"x\",\"next\":\"step_numbr_{n}\"}},")
            .unwrap();
    }
    let text = format!("{{\"workflow_id\":\"w\",\"steps\":[{}]}}", steps.trim_end_matches(','));
    assert!(text.len() < MAX_DEFINITION_BYTES);
    assert!(refused(&text, Json).contains(&"too-many-problems"));
    let steps: Value = (0..5_000)
        .map(|n| {
            json!({ "id": format!("step_number_{n}"), "type": "set", "next": format!("step_number_{}", n + 1),
            "set": { "a": [format!("{{{{ steps.step_numbr_{n}.output }}}}"), format!("{{{{steps.stp_{n}.x}}}}")] } })
        })
        .chain([json!({ "id": "step_number_5000", "type": "end" })])
        .collect();
    let checked = checked(&workflow(steps).to_string(), Json);
    assert!(checked.problems.iter().any(|problem| problem.code == "unknown-path" && problem.suggestion.is_some()));
    assert!(checked.problems.iter().any(|problem| problem.code == "too-many-problems"));
}

#[test]
fn ids_are_names_and_nothing_else() {
    for id in
        ["", " ", "a b", "a.b", "a\u{202e}b", "\u{200f}a", "-a", "a/b", "a\u{7}b", "a[0]", "{{ a }}", &"a".repeat(101)]
    {
        let codes = refused(&workflow(json!([{ "id": id, "type": "end" }])).to_string(), Json);
        assert!(codes.contains(&"bad-name"), "{id:?}: {codes:?}");
    }
    let zalgo = format!("a{}", "\u{301}".repeat(40));
    assert_eq!(refused(&workflow(json!([{ "id": zalgo, "type": "end" }])).to_string(), Json), ["bad-name"]);
    // Roots of the context and names of other languages' prototypes are good ids, and stay apart.
    for id in ["steps", "item", "event", "error", "now", "secrets", "__proto__", "constructor", "length", "größe", "数"]
    {
        let steps = json!([{ "id": id, "type": "set", "set": { "a": 1 }, "next": "last_of_all" },
            { "id": "last_of_all", "type": "set", "set": { "b": format!("{{{{ steps[\"{id}\"].status }}}}") } }]);
        let world = World::checked(steps, json!({ "__proto__": { "polluted": true }, "steps": 5 }));
        assert_eq!((world.error(), world.state.has_ended()), (None, true), "{id}");
        let state = serde_json::to_value(&world.state).unwrap();
        assert_eq!(state["written"]["values"]["b"], "succeeded", "{id}");
    }
    for root in ["steps", "secrets", "event", "now", "a..b", ".a", "a[0]", "a\u{202e}", &vec!["a"; 33].join(".")] {
        let set = json!([{ "id": "s", "type": "set", "set": { root: 1 } }]);
        assert_eq!(refused(&workflow(set).to_string(), Json), ["bad-path"], "{root}");
    }
}

#[test]
fn a_list_of_large_assignments_stops_at_a_mebibyte() {
    let set: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("p{n}"), json!("{{ big }}"))).collect();
    let world =
        World::checked(json!([{ "id": "s", "type": "set", "set": set }]), json!({ "big": "x".repeat(250_000) }));
    assert_eq!(world.error(), Some("EXPRESSION_LIMIT"));
    assert!(world.largest_state < 10_000);
}

#[test]
fn a_list_of_actions_with_large_answers_is_cut_into_commands_and_kept_up_to_a_bound() {
    let log = json!({ "type": "log", "message": "{{ big }}" });
    let world = World::checked(
        json!([{ "id": "s", "type": "execute", "execute": vec![log; 300] }]),
        json!({ "big": "x".repeat(250_000) }),
    );
    assert_eq!((world.error(), world.state.has_ended()), (None, true));
    assert!(world.commands > 10);
    assert!(world.most_bytes < 6 * 1024 * 1024, "{} bytes of events at once", world.most_bytes);
    assert!(world.largest_state < 5 * 1024 * 1024, "{} bytes of state", world.largest_state);
}

#[test]
fn a_schema_of_the_input_is_bounded_too() {
    let with = |schema: Value| json!({ "workflow_id": "w", "input": schema, "steps": [{ "id": "s", "type": "end" }] });
    for pattern in ["(a{1000}){1000}", "(?=a)", "\\1", "("] {
        let text = with(json!({ "type": "object", "properties": { "a": { "type": "string", "pattern": pattern } } }));
        assert_eq!(refused(&text.to_string(), Json), ["bad-schema"], "{pattern}");
    }
    for reference in ["https://example.org/x.json", "file:///etc/passwd", "#/$defs/none"] {
        assert_eq!(refused(&with(json!({ "$ref": reference })).to_string(), Json), ["bad-schema"], "{reference}");
    }
    // A schema that stands for itself is fine, and ends with the payload.
    let endless = with(json!({ "$defs": { "list": { "items": { "$ref": "#/$defs/list" } } }, "$ref": "#/$defs/list" }));
    let definition = checked(&endless.to_string(), Json).definition.unwrap();
    let plan = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }).unwrap();
    assert!(plan.check_input(&crate::world::nested(100)).is_ok());
}

#[test]
fn the_patterns_of_all_conditions_are_counted_before_any_is_compiled() {
    let leaf = json!({ "field": "a", "operator": "regex", "value": "\\w{20}" });
    let of = |count: usize| {
        workflow(json!([{ "id": "s", "type": "condition", "condition": { "or": vec![leaf.clone(); count] } }]))
    };
    assert!(checked(&of(100).to_string(), Json).is_valid());
    assert_eq!(refused(&of(5_000).to_string(), Json), ["bad-regex"]);
}
