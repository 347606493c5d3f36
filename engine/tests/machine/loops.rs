//! Items and rounds.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, ErrorClass, Event, Status};

use crate::sim::{Sim, ok};

fn charge(more: Value) -> Value {
    let mut foreach = json!({ "items": "{{ orders }}", "item_var": "order", "steps": [
        { "id": "charge", "type": "execute",
          "execute": [{ "type": "http_request", "url": "https://example.org/{{ order.id }}/{{ _index }}/{{ _count }}" }] },
    ] });
    if let (Value::Object(foreach), Value::Object(more)) = (&mut foreach, more) {
        foreach.extend(more);
    }
    json!([{ "id": "all", "type": "foreach", "foreach": foreach, "save_as": "charged" }])
}

fn orders(count: usize) -> Value {
    json!({ "orders": (0..count).map(|id| json!({ "id": format!("o{id}") })).collect::<Vec<_>>() })
}

#[test]
fn items_run_in_order_and_their_outputs_are_collected() {
    let mut sim = Sim::start(charge(json!({})), orders(3));
    for n in 0..3 {
        assert_eq!(sim.effects.len(), 1);
        assert_eq!(sim.effects[0].id.step, format!("all[{n}].charge"));
        assert_eq!(sim.effects[0].key, format!("exe_1/all[{n}].charge/1/0"));
        sim.answer(json!(n));
    }
    let context = sim.trace().context(&sim.origin);
    let bodies = |value: &Value| value.as_array().unwrap().iter().map(|item| item["body"].clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&context["steps"]["all"]["items"]), [json!(0), json!(1), json!(2)]);
    assert_eq!(bodies(&context["charged"]), [json!(0), json!(1), json!(2)]);
    assert!(context["steps"].get("charge").is_none(), "an item's steps are its own");
}

#[test]
fn outputs_are_in_the_order_of_the_items_however_the_calls_come_back() {
    let mut sim = Sim::start(charge(json!({ "max_concurrency": 3 })), orders(3));
    assert_eq!(sim.effects.len(), 3);
    for n in [2, 1, 0] {
        let effect = sim.effects.remove(n).id;
        sim.command(Command::EffectDone { effect, outcome: ok(json!(n)) });
    }
    let context = sim.trace().context(&sim.origin);
    let items: Vec<_> = context["charged"].as_array().unwrap().iter().map(|item| item["body"].clone()).collect();
    assert_eq!(items, [json!(0), json!(1), json!(2)]);
}

#[test]
fn a_failed_item_fails_the_step_unless_it_may_go_on() {
    let mut sim = Sim::start(charge(json!({})), orders(3));
    sim.answer(json!(0));
    sim.fail("CONNECTION_FAILED", ErrorClass::Connection);
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Failed, 0));
    assert_eq!(sim.state.error().unwrap().code, "CONNECTION_FAILED");

    let mut sim = Sim::start(charge(json!({ "on_item_error": "continue" })), orders(3));
    sim.answer(json!(0));
    sim.fail("CONNECTION_FAILED", ErrorClass::Connection);
    sim.answer(json!(2));
    assert_eq!(sim.state.status(), Status::Completed);
    let context = sim.trace().context(&sim.origin);
    assert_eq!(context["charged"][1]["error"]["code"], "CONNECTION_FAILED");
}

#[test]
fn batches_nothing_and_what_is_no_list() {
    let steps = json!([
        { "id": "all", "type": "foreach", "foreach": { "items": "{{ n }}", "batch_size": 2, "steps": [
            { "id": "sum", "type": "set", "set": { "last": "{{ item }}" } } ] } },
    ]);
    let sim = Sim::start(steps.clone(), json!({ "n": [1, 2, 3] }));
    assert_eq!(sim.trace().context(&sim.origin)["last"], json!([3]));
    let sim = Sim::start(steps.clone(), json!({ "n": [] }));
    assert_eq!(sim.trace().context(&sim.origin)["steps"]["all"]["items"], json!([]));
    let sim = Sim::start(steps, json!({ "n": "abc" }));
    assert_eq!(sim.state.error().unwrap().code, "INVALID_ITEMS");
}

#[test]
fn a_hundred_thousand_items_neither_pile_up_in_the_state_nor_in_one_command() {
    let steps = json!([
        { "id": "all", "type": "foreach", "foreach": { "items": "{{ n }}", "steps": [
            { "id": "keep", "type": "set", "set": { "last": "{{ item }}" } } ] } },
    ]);
    let count = 20_000;
    let definition = json!({ "workflow_id": "test", "steps": steps });
    let mut sim = Sim::accept_json(&definition, json!({ "n": (0..count).collect::<Vec<_>>() }));
    let mut largest = 0;
    let mut command = Command::TakeUp;
    loop {
        let decided = sim.advance_plainly(command);
        assert!(decided.events.len() < 2_100, "{}", decided.events.len());
        largest = largest.max(serde_json::to_string(&sim.state).unwrap().len());
        if !decided.goes_on {
            break;
        }
        command = Command::Wake;
    }
    assert_eq!(sim.state.status(), Status::Completed);
    assert!(largest < 1_500_000, "{largest}");
}

#[test]
fn rounds_run_while_the_condition_is_true() {
    let steps = json!([
        { "id": "poll", "type": "while", "while": { "condition": { "field": "n", "operator": "lt", "value": 3 },
          "max_iterations": 10, "steps": [
              { "id": "add", "type": "set", "set": { "n": "{{ n + 1 }}" } },
              { "id": "look", "type": "set", "set": { "seen": "{{ steps.add.output.n }}" } } ] } },
    ]);
    let sim = Sim::start(steps, json!({ "n": 0 }));
    let context = sim.trace().context(&sim.origin);
    assert_eq!((&context["n"], &context["seen"]), (&json!(3), &json!(3)));
    assert_eq!(context["steps"]["poll"]["output"]["iterations"], 3);
    assert_eq!(context["steps"]["look"]["status"], "succeeded", "the last round can be read behind the loop");
}

#[test]
fn a_loop_without_end_fails_at_its_bound() {
    let steps = json!([
        { "id": "poll", "type": "while", "while": { "condition": { "expression": "n == 0" }, "max_iterations": 5,
          "steps": [{ "id": "note", "type": "set", "set": { "seen": "{{ _index }}" } }] } },
    ]);
    let sim = Sim::start(steps, json!({ "n": 0 }));
    assert_eq!(sim.state.error().unwrap().code, "LOOP_LIMIT");
    let rounds = sim.journal.iter().filter(|event| matches!(event, Event::ScopeOpened { .. })).count();
    assert_eq!(rounds, 5);
}

#[test]
fn within_a_body_steps_run_in_listed_order_and_end_ends_the_round() {
    let steps = json!([
        { "id": "all", "type": "foreach", "foreach": { "items": "{{ n }}", "steps": [
            { "id": "odd", "type": "condition", "condition": { "expression": "item % 2 == 1" }, "on_false": "skip" },
            { "id": "add", "type": "set", "set": { "sum": "{{ (sum | default(0)) + item }}" }, "next": "done" },
            { "id": "skip", "type": "end" },
            { "id": "done", "type": "set", "set": { "last": "{{ item }}" } } ] } },
    ]);
    let sim = Sim::start(steps, json!({ "n": [1, 2, 3, 4] }));
    let context = sim.trace().context(&sim.origin);
    assert_eq!((&context["sum"], &context["last"]), (&json!(4), &json!(3)), "{:#?}", sim.timeline());
}

#[test]
fn loops_within_loops_see_the_items_around_them() {
    let steps = json!([
        { "id": "rows", "type": "foreach", "foreach": { "items": "{{ rows }}", "item_var": "row", "steps": [
            { "id": "cells", "type": "foreach", "foreach": { "items": "{{ row }}", "item_var": "cell", "steps": [
                { "id": "add", "type": "set",
                  "set": { "sum": "{{ (sum | default(0)) + cell * row.length }}" } } ] } } ] } },
    ]);
    let sim = Sim::start(steps, json!({ "rows": [[1, 2], [3]] }));
    assert_eq!(sim.trace().context(&sim.origin)["sum"], json!(9));
    assert!(sim.timeline().contains(&"rows[1].cells[0].add ok".to_owned()), "{:#?}", sim.timeline());
}
