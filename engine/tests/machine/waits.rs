//! Waiting: for times, events and children.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, EffectRequest, Event, Signal, Status, WaitKind, children, waits};

use crate::sim::{Sim, ok};

fn event(id: &str, event: &str, payload: Value) -> Command {
    Command::Signal(Signal::Event { id: id.to_owned(), event: event.to_owned(), payload, at: None })
}

#[test]
fn a_wait_for_a_time_holds_no_worker_and_goes_on_when_it_is_due() {
    let steps = json!([
        { "id": "nap", "type": "wait", "wait": { "for": "{{ minutes }}m" }, "next": "done" },
        { "id": "done", "type": "wait", "wait": { "until": "{{ now_plus_1h }}" } },
    ]);
    let mut sim = Sim::start(steps, json!({ "minutes": 10 }));
    assert_eq!(sim.state.status(), Status::Waiting);
    let rows = waits(&sim.plan, &sim.origin, &sim.state);
    assert_eq!((rows.len(), rows[0].kind), (1, WaitKind::Timer));
    assert!(sim.wake_after(599_999).is_empty(), "too early");
    sim.wake_after(1);
    sim.wake_after(3_600_000);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn what_is_no_time_fails_the_step() {
    for wait in [json!({ "for": "{{ text }}" }), json!({ "until": "{{ text }}" })] {
        let sim = Sim::start(json!([{ "id": "nap", "type": "wait", "wait": wait }]), json!({ "text": "soon" }));
        assert_eq!(sim.state.error().unwrap().code, "INVALID_WAIT");
    }
}

fn payment(more: Value) -> Value {
    let mut wait = json!({ "event": "order.paid", "timeout": "2h" });
    if let (Value::Object(wait), Value::Object(more)) = (&mut wait, more) {
        wait.extend(more);
    }
    json!([
        { "id": "paid", "type": "wait", "wait": wait, "next": "ship" },
        { "id": "ship", "type": "set", "set": { "shipped": "{{ steps.paid.output.order.amount }}" } },
        { "id": "late", "type": "action", "action": "block", "reason": "not paid" },
    ])
}

#[test]
fn a_value_that_no_column_holds_is_compared_all_the_same() {
    let order = |amount: u32| json!({ "order": { "id": "o\0-1", "amount": amount } });
    let mut sim = Sim::start(payment(json!({ "match": ["order.id"], "on_timeout": "late" })), order(1));
    let row = waits(&sim.plan, &sim.origin, &sim.state).remove(0);
    assert_eq!((row.correlation, row.keys.len()), (None, 1), "a row of the database holds no NUL");
    assert!(!serde_json::to_string(&row.keys).unwrap().contains('\0'));
    sim.command(event("e1", "order.paid", order(5)));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn an_event_of_the_same_entity_wakes_the_wait_and_its_payload_is_merged() {
    let steps = payment(json!({ "on_timeout": "late" }));
    let mut sim = Sim::start(steps, json!({ "order": { "id": "o1", "total": 5 } }));
    assert!(sim.command(event("e1", "order.paid", json!({ "order": { "id": "o2" } }))).is_empty(), "of another order");
    assert!(sim.command(event("e2", "order.lost", json!({ "order": { "id": "o1" } }))).is_empty(), "another event");
    sim.command(event("e3", "order.paid", json!({ "order": { "id": "o1", "amount": 5 } })));
    let context = sim.trace().context(&sim.origin);
    assert_eq!(context["order"], json!({ "id": "o1", "total": 5, "amount": 5 }));
    assert_eq!((&context["shipped"], sim.state.status()), (&json!(5), Status::Completed));
}

#[test]
fn an_event_without_the_entity_fits_unless_paths_are_stated() {
    let payload = json!({ "order": { "id": "o1" }, "customer": { "id": 7 } });
    let mut sim = Sim::start(payment(json!({ "on_timeout": "late" })), payload.clone());
    sim.command(event("e1", "order.paid", json!({ "amount": 1 })));
    assert_eq!(sim.state.status(), Status::Completed);

    let steps = payment(json!({ "on_timeout": "late", "match": ["customer.id"] }));
    let mut sim = Sim::start(steps, payload);
    assert!(sim.command(event("e1", "order.paid", json!({ "order": { "id": "o1" } }))).is_empty());
    sim.command(event("e2", "order.paid", json!({ "customer": { "id": 7.0 } })));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn an_expression_over_event_and_context_decides_what_fits() {
    let steps = payment(json!({ "on_timeout": "late", "match": "event.amount >= order.total" }));
    let mut sim = Sim::start(steps, json!({ "order": { "total": 10 } }));
    assert!(sim.command(event("e1", "order.paid", json!({ "amount": 9 }))).is_empty());
    sim.command(event("e2", "order.paid", json!({ "amount": 10 })));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_wait_that_times_out_takes_its_way_or_fails() {
    let mut sim = Sim::start(payment(json!({ "on_timeout": "late" })), json!({}));
    sim.wake_after(7_200_000);
    assert_eq!(sim.state.decision().unwrap().reason.as_deref(), Some("not paid"));
    let steps = json!([{ "id": "w", "type": "wait", "wait": { "event": "a.b", "timeout": "1s" } }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.wake_after(1_000);
    assert_eq!(sim.state.error().unwrap().code, "WAIT_TIMEOUT");
}

#[test]
fn an_event_is_taken_once_also_when_it_is_delivered_twice() {
    let steps = json!([
        { "id": "loop", "type": "while", "while": { "condition": { "expression": "(_index | default(0)) < 2" },
          "max_iterations": 2, "steps": [{ "id": "tick", "type": "wait", "wait": { "event": "tick", "timeout": "1h" } }] },
          "on_error": "end" },
        { "id": "end", "type": "end" },
    ]);
    let mut sim = Sim::start(steps, json!({}));
    assert!(!sim.command(event("e1", "tick", json!({}))).is_empty());
    assert!(sim.command(event("e1", "tick", json!({}))).is_empty(), "the second round waits for another one");
    assert!(!sim.command(event("e2", "tick", json!({}))).is_empty());
    let taken = sim.journal.iter().filter(|event| matches!(event, Event::EventTaken { .. })).count();
    assert_eq!(taken, 2);
}

#[test]
fn waits_in_branches_and_loops_are_as_those_at_the_top() {
    let wait = |id: &str, event: &str| json!({ "id": id, "type": "wait", "wait": { "event": event } });
    let steps = json!([{ "id": "p", "type": "parallel", "parallel": { "branches": [
        [wait("a", "x.a")],
        [{ "id": "f", "type": "foreach", "foreach": { "items": [1, 2], "max_concurrency": 2, "steps": [wait("b", "x.b")] } }],
    ] } }]);
    let mut sim = Sim::start(steps, json!({}));
    assert_eq!(waits(&sim.plan, &sim.origin, &sim.state).len(), 3);
    sim.command(event("e1", "x.b", json!({})));
    assert_eq!(sim.state.status(), Status::Waiting);
    sim.command(event("e2", "x.a", json!({})));
    assert_eq!(sim.state.status(), Status::Completed);
}

fn child(more: Value) -> Value {
    let mut workflow = json!({ "workflow_id": "other", "input": { "n": "{{ n }}" } });
    if let (Value::Object(workflow), Value::Object(more)) = (&mut workflow, more) {
        workflow.extend(more);
    }
    json!([{ "id": "call", "type": "workflow", "workflow": workflow, "save_as": "answer",
             "retry": { "max_attempts": 2, "delay": "1s", "retry_on": ["CHILD_FAILED"] } }])
}

#[test]
fn a_child_is_started_once_and_waited_for() {
    let mut sim = Sim::start(child(json!({})), json!({ "n": 5 }));
    let EffectRequest::StartWorkflow { workflow_id, input, waits: true, .. } = &sim.effects[0].request else {
        panic!("{:?}", sim.effects)
    };
    assert_eq!((workflow_id.as_str(), input), ("other", &json!({ "n": 5 })));
    sim.finish(sluice_engine::machine::EffectOutcome::Succeeded { output: json!({ "execution_id": "exe_2" }) });
    assert_eq!((sim.state.status(), children(&sim.state)), (Status::Waiting, vec!["exe_2".to_owned()]));
    let ended = |execution: &str, error| {
        let output = json!({ "execution_id": execution, "result": "allowed" });
        Command::Signal(Signal::ChildEnded { execution: execution.to_owned(), output, error })
    };
    assert!(sim.command(ended("exe_9", None)).is_empty(), "another one's end");
    sim.command(ended("exe_2", None));
    assert_eq!(sim.trace().context(&sim.origin)["answer"]["result"], "allowed");
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_child_that_failed_is_started_anew_under_another_key() {
    let mut sim = Sim::start(child(json!({})), json!({ "n": 5 }));
    let first = sim.effects[0].key.clone();
    sim.finish(ok(json!({})));
    let error = Some(crate::sim::error("HTTP_STATUS", sluice_engine::machine::ErrorClass::Other));
    let execution = children(&sim.state)[0].clone();
    sim.command(Command::Signal(Signal::ChildEnded { execution, output: json!({}), error }));
    sim.wake_after(1_000);
    assert_ne!(sim.effects[0].key, first);
}

#[test]
fn a_child_that_nobody_waits_for_is_only_started() {
    let mut sim = Sim::start(child(json!({ "wait": false })), json!({}));
    sim.finish(sluice_engine::machine::EffectOutcome::Succeeded { output: json!({ "execution_id": "exe_2" }) });
    assert_eq!(sim.state.status(), Status::Completed);
}
