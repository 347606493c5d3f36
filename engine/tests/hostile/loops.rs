//! Loops that are long, wide, deep or endless.

use serde_json::{Value, json};
use sluice_engine::definition::Format::Json;
use sluice_engine::machine::Command;

use crate::world::{World, refused, workflow};

fn forever(condition: Value, more: Value, steps: Value) -> Value {
    let mut body = json!({ "condition": condition, "steps": steps });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([{ "id": "loop", "type": "while", "while": body }])
}

#[test]
fn a_loop_whose_condition_stays_true_ends_at_its_limit() {
    let set = json!([{ "id": "s", "type": "set", "set": { "n": "{{ n + 1 }}" } }]);
    let world = World::checked(forever(json!(true), json!({}), set.clone()), json!({ "n": 0 }));
    assert_eq!(world.error(), Some("LOOP_LIMIT"));
    assert!(world.most_events <= 2_100);
    assert!(world.largest_state < 4_000, "{} bytes", world.largest_state);
    let world = World::checked(forever(json!(true), json!({ "max_iterations": 5_000 }), set), json!({ "n": 0 }));
    assert_eq!(world.error(), Some("LOOP_LIMIT"));
    assert!(world.largest_state < 4_000, "no round leaves anything behind: {} bytes", world.largest_state);
}

#[test]
fn circles_of_steps_are_refused_and_where_nobody_checked_them_the_budget_ends_them() {
    let fail = |id: &str, to: &str| json!({ "id": id, "type": "set", "set": { "n": "{{ 1 / 0 }}" }, "on_error": to, "next": to });
    let set = |id: &str, to: &str| json!({ "id": id, "type": "set", "set": { "n": 1 }, "next": to });
    for circle in
        [json!([set("a", "b"), set("b", "a")]), json!([fail("a", "b"), fail("b", "a")]), json!([set("a", "a")])]
    {
        assert_eq!(refused(&workflow(circle.clone()).to_string(), Json), ["endless-cycle"]);
        let world = World::unchecked(circle, json!({}));
        assert_eq!(world.error(), Some("STEP_BUDGET"));
        assert!(world.events <= 60_000 && world.most_events <= 2_100);
        assert!(world.largest_state < 4_000);
    }
    // Within a round the budget is that of the round.
    let inner = json!([set("a", "b"), { "id": "b", "type": "set", "set": { "n": 1 }, "next": "a" }]);
    let world = World::unchecked(forever(json!(true), json!({}), inner), json!({}));
    assert_eq!(world.error(), Some("STEP_BUDGET"));
}

#[test]
fn a_loop_that_wraps_or_doubles_its_own_result_ends_at_a_limit() {
    for (template, limit) in [
        (json!(["{{ a }}"]), "64 deep"),
        (json!({ "b": { "c": "{{ a }}" } }), "64 deep"),
        (json!("{{ [[a]] }}"), "64 deep"),
        (json!("{{ a }}{{ a }}x"), "1 MiB"),
        (json!(["{{ b }}", "{{ b }}"]), "1 MiB"),
    ] {
        let steps = json!([{ "id": "s", "type": "set", "set": { "a": template, "b": "{{ a }}" } }]);
        let world = World::checked(forever(json!(true), json!({}), steps), json!({ "a": 1 }));
        assert_eq!(world.error(), Some("EXPRESSION_LIMIT"), "{template}");
        let message = &world.state.error().unwrap().message;
        assert!(message.contains(limit), "{template}: {message}");
        assert!(message.len() < 1_000);
    }
    let path = vec!["a"; 32].join(".");
    let steps = json!([{ "id": "s", "type": "set", "set": { path: "{{ a }}" } }]);
    let world = World::checked(forever(json!(true), json!({}), steps), json!({ "a": 1 }));
    assert_eq!(world.error(), Some("EXPRESSION_LIMIT"));
}

#[test]
fn a_million_items_are_over_the_limit_of_a_template_and_what_fits_is_not_unrolled() {
    let steps = json!([{ "id": "all", "type": "foreach", "foreach": { "items": "{{ items }}", "on_item_error": "continue",
        "steps": [{ "id": "s", "type": "set", "set": { "n": "{{ item }}" } }] } }]);
    let world = World::checked(steps.clone(), json!({ "items": vec![1; 1_000_000] }));
    assert_eq!(world.error(), Some("EXPRESSION_LIMIT"));
    let world = World::checked(steps, json!({ "items": vec![7; 20_000] }));
    assert_eq!((world.error(), world.state.has_ended()), (None, true));
    assert!(world.most_events <= 2_100, "{}", world.most_events);
    // The items that are left, what came of the others up to 256 KiB, and one scope.
    assert!(world.largest_state < 700_000, "{} bytes", world.largest_state);
}

#[test]
fn no_items_and_batches_larger_than_the_list_are_no_trouble() {
    for (items, size) in [(json!([]), 1), (json!([]), 100_000), (json!([1, 2, 3]), 100_000)] {
        let steps = json!([{ "id": "all", "type": "foreach", "foreach": { "items": "{{ items }}", "batch_size": size,
            "steps": [{ "id": "s", "type": "end" }] } }]);
        let world = World::checked(steps, json!({ "items": items }));
        assert_eq!((world.error(), world.state.has_ended()), (None, true));
    }
    for items in [json!("text"), json!(5), json!({}), json!(null)] {
        let steps = json!([{ "id": "all", "type": "foreach", "foreach": { "items": "{{ items }}",
            "steps": [{ "id": "s", "type": "end" }] } }]);
        assert_eq!(World::checked(steps, json!({ "items": items })).error(), Some("INVALID_ITEMS"));
    }
}

#[test]
fn wide_loops_in_wide_loops_are_open_up_to_a_bound_and_still_come_to_their_end() {
    let wait = json!([{ "id": "s", "type": "wait", "wait": { "for": "1s" } }]);
    let wide = |id: &str, steps: Value| {
        json!([{ "id": id, "type": "foreach",
            "foreach": { "items": (0..60).collect::<Vec<_>>(), "max_concurrency": 1000, "steps": steps } }])
    };
    let mut world = World::checked(wide("one", wide("two", wait)), json!({}));
    let mut most_open = 0;
    for _ in 0..20 {
        let state = serde_json::to_value(&world.state).unwrap();
        most_open = most_open.max(state["scopes"].as_object().unwrap().len());
        if world.state.has_ended() {
            break;
        }
        world.now.0 += 1_000;
        world.command(Command::Wake);
    }
    assert_eq!((world.error(), world.state.has_ended()), (None, true));
    assert!((500..=1_100).contains(&most_open), "{most_open} were open at once");
}
