//! What templates and conditions read.

use serde_json::{Value, json};
use sluice_engine::machine::EffectOutcome;

use crate::sim::Sim;

fn set(values: Value, payload: Value) -> Value {
    Sim::start(json!([{ "id": "s", "type": "set", "set": values }]), payload).context()
}

#[test]
fn a_value_set_below_the_payload_keeps_what_stands_beside_it() {
    let context = set(
        json!({ "order.address": { "city": "Delft" }, "order.note.by": "us", "order.copy": "{{ order.id }}" }),
        json!({ "order": { "id": 7, "address": { "street": "Oude Delft", "city": "?" }, "note": { "text": "x" } } }),
    );
    assert_eq!(
        context["order"],
        json!({ "id": 7, "copy": 7, "address": { "city": "Delft" }, "note": { "text": "x", "by": "us" } }),
        "what was set replaces what stood there, and nothing else"
    );
}

#[test]
fn a_root_that_was_set_replaces_the_payloads() {
    let steps = json!([
        { "id": "a", "type": "set", "set": { "order": { "total": 1 } }, "next": "b" },
        { "id": "b", "type": "set", "set": { "id": "{{ order.id }}", "total": "{{ order.total }}" } },
    ]);
    let context = Sim::start(steps, json!({ "order": { "id": 7, "total": 5 } })).context();
    assert_eq!((&context["id"], &context["total"]), (&Value::Null, &json!(1)));
    assert_eq!(context["order"], json!({ "total": 1 }));
}

#[test]
fn all_values_of_a_set_are_rendered_before_the_first_is_written() {
    let context = set(json!({ "a": "{{ b }}", "b": "{{ a }}" }), json!({ "a": 1, "b": 2 }));
    assert_eq!((&context["a"], &context["b"]), (&json!(2), &json!(1)));
}

#[test]
fn nothing_is_written_below_a_list() {
    let payload = json!({ "order": { "lines": [1, 2] } });
    let steps = json!([{ "id": "s", "type": "set", "set": { "order.lines.first": 1 } }]);
    let sim = Sim::start(steps, payload);
    assert_eq!(sim.timeline().last().unwrap(), "failed INVALID_PATH at s");
    assert!(sim.state.error().unwrap().message.contains("`order.lines` is a list"));
    assert_eq!(sim.context()["order"]["lines"], json!([1, 2]));
}

#[test]
fn finished_steps_the_trigger_and_the_names_are_readable() {
    let steps = json!([
        { "id": "first", "type": "set", "set": { "a": 1 }, "next": "second" },
        { "id": "second", "type": "set", "set": {
            "read.status": "{{ steps.first.status }}",
            "read.output": "{{ steps.first.output.a }}",
            "read.attempts": "{{ steps.first.attempts }}",
            "read.trigger": "{{ trigger.type }}",
            "read.event": "{{ event.order.id }}",
            "read.execution": "{{ execution.id }} {{ execution.accepted_at }}",
            "read.workflow": "{{ workflow.name }} {{ workflow.version }}",
            "read.vars": "{{ vars.none }}",
        } },
    ]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7 }, "vars": { "limit": 1 } }));
    sim.finish(EffectOutcome::Succeeded { output: json!({ "variables": { "other": 5 } }) });
    assert_eq!(
        sim.context()["read"],
        json!({
            "status": "succeeded", "output": 1, "attempts": 1, "trigger": "manual", "event": 7,
            "execution": "exe_1 2026-03-01T12:00:00.000Z", "workflow": "Test 3", "vars": null,
        })
    );
}

#[test]
fn now_is_the_same_throughout_an_attempt() {
    let steps = json!([{ "id": "do", "type": "execute", "execute": [
        { "type": "set", "set": { "before": "{{ now }}" } },
        { "type": "http_request", "url": "https://example.org" },
        { "type": "set", "set": { "after": "{{ now }}" } },
    ] }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.now.0 += 5_000;
    sim.answer(json!({}));
    assert_eq!(sim.context()["before"], sim.context()["after"]);
}

#[test]
fn a_resource_that_is_not_registered_is_absent_with_a_warning() {
    let definition = json!({
        "workflow_id": "test", "context": { "load": ["customer.profile", "order.details"] },
        "steps": [{ "id": "s", "type": "set", "set": { "a": "{{ customer.profile.tier }}" } }],
    });
    let mut sim = Sim::start_definition(&definition, json!({ "order": { "details": { "given": true } } }));
    let absent = json!([{ "name": "customer.profile", "reason": "it is not registered" }]);
    sim.finish(EffectOutcome::Succeeded { output: json!({ "resources": {}, "absent": absent }) });
    let warnings: Vec<String> =
        sim.trace().warnings.into_iter().map(|(path, message)| format!("{path}|{message}")).collect();
    assert_eq!(warnings, ["|the resource `customer.profile` is absent: it is not registered"]);
    assert_eq!(sim.context()["a"], Value::Null);
}

#[test]
fn a_payload_that_is_no_object_is_readable_as_event() {
    let context = set(json!({ "n": "{{ event.length }}" }), json!([1, 2, 3]));
    assert_eq!(context["n"], 3);
}
