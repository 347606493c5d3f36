//! Items and rounds.

use serde_json::{Value, json};
use sluice_engine::machine::{
    Command, EffectOutcome, EffectRequest, ErrorClass, Event, Signal, Status, WaitKind, children, waits,
};

use crate::sim::{Sim, error, ok};

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

/// Steps that start an execution of `other` for each order.
fn spread(more: Value) -> Value {
    let mut foreach = json!({ "items": "{{ orders }}", "spread": true, "steps": [
        { "id": "one", "type": "workflow", "workflow": { "workflow_id": "other", "input": { "order": "{{ item.id }}" } } },
    ] });
    if let (Value::Object(foreach), Value::Object(more)) = (&mut foreach, more) {
        foreach.extend(more);
    }
    json!([{ "id": "all", "type": "foreach", "foreach": foreach, "save_as": "ends" }])
}

/// The oldest start comes back: the execution has this id.
fn started(sim: &mut Sim, execution: &str) {
    sim.finish(EffectOutcome::Succeeded { output: json!({ "execution_id": execution }) });
}

fn ended(sim: &mut Sim, execution: &str, code: Option<&str>) {
    let error = code.map(|code| error(code, ErrorClass::Other));
    let output = json!({ "execution_id": execution });
    sim.command(Command::Signal(Signal::ChildEnded { execution: execution.to_owned(), output, error }));
}

#[test]
fn spread_items_are_executions_of_which_ten_are_open_at_once() {
    let mut sim = Sim::start(spread(json!({ "on_item_error": "continue" })), orders(12));
    assert_eq!(sim.effects.len(), 10);
    for (n, effect) in sim.effects.iter().enumerate() {
        let EffectRequest::StartWorkflow { workflow_id, input, waits: true, .. } = &effect.request else {
            panic!("{effect:?}")
        };
        assert_eq!((workflow_id.as_str(), input), ("other", &json!({ "order": format!("o{n}") })));
        assert_eq!(effect.key, format!("exe_1/all[{n}].one/1/0"));
    }
    for n in 0..10 {
        started(&mut sim, &format!("child_{n}"));
    }
    assert_eq!((sim.state.status(), children(&sim.state).len()), (Status::Waiting, 10), "it holds no worker");
    let rows = waits(&sim.plan, &sim.origin, &sim.state);
    assert!(rows.len() == 10 && rows.iter().all(|row| row.kind == WaitKind::Child), "{rows:?}");

    sim.crash();
    for (end, next, code) in [(7, 10, None), (3, 11, Some("HTTP_STATUS"))] {
        ended(&mut sim, &format!("child_{end}"), code);
        let begun: Vec<_> = sim.effects.iter().map(|effect| effect.id.step.clone()).collect();
        assert_eq!(begun, [format!("all[{next}].one")], "a place is free");
        started(&mut sim, &format!("child_{next}"));
    }
    for execution in children(&sim.state) {
        ended(&mut sim, &execution, None);
    }
    assert_eq!(sim.state.status(), Status::Completed);
    let context = sim.context();
    let ends = context["ends"].as_array().unwrap();
    assert_eq!((ends.len(), &ends[3]["error"]["code"]), (12, &json!("CHILD_FAILED")));
    let are_in_order = |(n, end): (usize, &Value)| n == 3 || end["execution_id"] == format!("child_{n}");
    assert!(ends.iter().enumerate().all(are_in_order), "{ends:?}");
}

#[test]
fn of_spread_items_no_more_are_open_than_max_concurrency_says_and_a_failed_one_begins_no_further() {
    let mut sim = Sim::start(spread(json!({ "max_concurrency": 2 })), orders(5));
    assert_eq!(sim.effects.len(), 2);
    started(&mut sim, "child_0");
    started(&mut sim, "child_1");
    ended(&mut sim, "child_0", Some("HTTP_STATUS"));
    assert_eq!((sim.effects.len(), children(&sim.state)), (0, vec!["child_1".to_owned()]), "it may come to its end");
    ended(&mut sim, "child_1", None);
    assert_eq!(sim.state.error().unwrap().code, "CHILD_FAILED");
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
