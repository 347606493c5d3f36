//! Executions that failed and go on, and new ones that take over what another had found out.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, ErrorClass, Event, Refused, Signal, Status, taken_over};

use crate::sim::{Sim, call};

fn retry() -> Command {
    Command::Retry { by: Some("ann".to_owned()), reason: None, hold: false }
}

fn two_calls() -> Value {
    json!([call("first", json!({ "save_as": "found", "next": "second" })), call("second", json!({ "next": "third" })),
        { "id": "third", "type": "set", "set": { "done": "{{ found.body.v }}" } }])
}

/// The second of two calls has failed.
fn failed() -> Sim {
    let mut sim = Sim::start(two_calls(), json!({ "order": { "id": 7 } }));
    sim.answer(json!({ "v": 1 }));
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    assert_eq!(sim.state.status(), Status::Failed);
    sim
}

#[test]
fn what_failed_goes_on_at_the_step_that_failed_with_all_that_was_found_out() {
    let mut sim = failed();
    let first_try = sim.journal.clone();
    assert_eq!(sim.command(retry()), ["retried -> second"]);
    assert_eq!((sim.state.status(), sim.state.error()), (Status::Queued, None));
    sim.crash();
    assert_eq!(sim.command(Command::TakeUp), ["started at second", "second#1 execute", "second#1.0 http_request left"]);
    assert!(sim.effects[0].key.contains("second/2"), "another passage has a key of its own: {}", sim.effects[0].key);
    sim.answer(json!({}));
    assert_eq!((sim.state.status(), &sim.context()["done"]), (Status::Completed, &json!(1)));
    assert!(sim.journal.starts_with(&first_try), "the history goes on");
    let trace = sim.trace();
    let passages: Vec<&str> = trace.steps.iter().map(|step| step.path.as_str()).collect();
    assert_eq!(passages, ["first", "second", "second", "third"]);
}

#[test]
fn it_may_fail_and_be_retried_as_often_as_one_likes() {
    let mut sim = failed();
    for _again in 0..3 {
        sim.command(retry());
        sim.command(Command::TakeUp);
        sim.fail("HTTP_STATUS", ErrorClass::Http(404));
        assert_eq!(sim.state.status(), Status::Failed);
    }
    sim.command(retry());
    sim.command(Command::TakeUp);
    assert!(sim.effects[0].key.contains("second/5"), "{}", sim.effects[0].key);
}

#[test]
fn only_what_failed_can_be_retried() {
    let mut sim = Sim::start(two_calls(), json!({}));
    assert_eq!(sim.try_command(retry()), Err(Refused::NotFailed));
    sim.command(Command::Cancel { by: None, reason: None });
    assert_eq!(sim.try_command(retry()), Err(Refused::NotFailed));
    let mut sim = failed();
    sim.command(retry());
    assert_eq!(sim.try_command(retry()), Err(Refused::NotFailed), "it has not failed again");
    let mut done = Sim::start(json!([{ "id": "end", "type": "end" }]), json!({}));
    assert_eq!(done.try_command(retry()), Err(Refused::NotFailed));
}

#[test]
fn what_lived_longer_than_its_deadline_stays_failed() {
    let definition = json!({ "workflow_id": "test", "deadline": "1h", "steps": two_calls() });
    let mut sim = Sim::start_definition(&definition, json!({}));
    sim.wake_after(3_600_000);
    assert_eq!(sim.state.error().unwrap().code, "DEADLINE");
    assert_eq!(sim.try_command(retry()), Err(Refused::PastDeadline));
}

#[test]
fn what_ran_out_of_time_has_its_whole_time_anew_and_calls_again() {
    let definition = json!({ "workflow_id": "test", "timeout": "10s", "steps": two_calls() });
    let mut sim = Sim::start_definition(&definition, json!({}));
    let key = sim.effects[0].key.clone();
    sim.wake_after(10_000);
    assert_eq!(sim.state.error().unwrap().code, "EXECUTION_TIMEOUT");
    assert_eq!(sim.command(retry()), ["retried -> first"]);
    sim.command(Command::TakeUp);
    assert_ne!(sim.effects[0].key, key);
    assert!(sim.wake_after(9_000).is_empty());
    sim.wake_after(1_000);
    assert_eq!(sim.state.error().unwrap().code, "EXECUTION_TIMEOUT");
}

#[test]
fn a_step_that_holds_others_begins_anew_with_all_of_them() {
    let branches = json!([[call("left", json!({}))], [call("right", json!({}))]]);
    let steps = json!([{ "id": "both", "type": "parallel", "parallel": { "branches": branches } }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.answer(json!({}));
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    assert_eq!(sim.command(retry()), ["retried -> both"]);
    sim.command(Command::TakeUp);
    assert_eq!(sim.effects.len(), 2);
    sim.answer(json!({}));
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn it_can_be_held_before_it_goes_on() {
    let mut sim = failed();
    sim.command(Command::Retry { by: None, reason: None, hold: true });
    assert_eq!(sim.state.status(), Status::Paused);
    assert!(sim.command(Command::TakeUp).is_empty());
    sim.command(Command::Resume { by: None, data: Some(json!({ "found": { "body": { "v": 2 } } })), at_step: None });
    sim.answer(json!({}));
    assert_eq!((sim.state.status(), &sim.context()["done"]), (Status::Completed, &json!(2)));
}

#[test]
fn one_that_failed_before_it_began_begins() {
    let definition = json!({ "workflow_id": "test", "steps": two_calls() });
    let mut sim = Sim::accept_json(&definition, json!({}));
    sim.command(Command::Interrupt { code: "CONCURRENCY_KEY".to_owned(), message: "no".to_owned() });
    assert_eq!(sim.command(retry()), ["retried"]);
    sim.command(Command::TakeUp);
    assert_eq!(sim.effects[0].id.step, "first");
}

#[test]
fn one_that_is_retried_waits_for_a_slot_like_any_other() {
    let mut sim = failed();
    sim.command(retry());
    sim.command(Command::AwaitSlot { key: "k".to_owned(), limit: 1 });
    assert!(sim.command(Command::TakeUp).is_empty());
    sim.command(Command::TakeSlot);
    assert_eq!(sim.effects[0].id.step, "second");
}

#[test]
fn an_event_that_was_taken_before_the_failure_is_not_taken_again() {
    let steps = json!([
        { "id": "w", "type": "wait", "wait": { "event": "a.b" }, "next": "c" },
        { "id": "c", "type": "condition", "condition": { "expression": "v == 1" }, "on_true": "no", "on_false": "w2" },
        { "id": "no", "type": "fail", "code": "NO" },
        { "id": "w2", "type": "wait", "wait": { "event": "a.b" } },
    ]);
    let event = |id: &str| {
        Command::Signal(Signal::Event {
            id: id.to_owned(),
            event: "a.b".to_owned(),
            payload: json!({ "v": 1 }),
            at: None,
        })
    };
    let mut sim = Sim::start(steps, json!({}));
    sim.command(event("evt_1"));
    assert_eq!(sim.state.status(), Status::Failed);
    sim.command(Command::Retry { by: None, reason: None, hold: true });
    sim.command(Command::Resume { by: None, data: Some(json!({ "v": 2 })), at_step: Some("c".to_owned()) });
    assert_eq!(sim.state.status(), Status::Waiting);
    assert!(sim.command(event("evt_1")).is_empty());
    sim.command(event("evt_2"));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_new_execution_begins_with_what_another_had_found_out_before_the_step() {
    let mut old = failed();
    old.command(retry());
    let found = taken_over(&old.journal, "exe_0", "second", json!({ "found": { "body": { "v": 5 } } }), old.now);
    let definition = json!({ "workflow_id": "test", "steps": two_calls() });
    let mut sim = Sim::accept_json(&definition, json!({ "order": { "id": 8 } }));
    sluice_engine::machine::apply(&mut sim.state, &found);
    sim.journal.push(found);
    sim.command(Command::TakeUp);
    assert_eq!(sim.effects[0].key, "exe_1/second/1/0");
    let context = sim.context();
    assert_eq!((&context["steps"]["first"]["status"], &context["order"]["id"]), (&json!("succeeded"), &json!(8)));
    assert!(context["steps"]["second"].is_null(), "what came of the step itself is left behind");
    sim.answer(json!({}));
    assert_eq!((sim.state.status(), &sim.context()["done"]), (Status::Completed, &json!(5)));
}

#[test]
fn of_a_step_that_the_other_never_came_to_everything_is_taken_over() {
    let old = Sim::start(two_calls(), json!({}));
    let Event::TakenOver { steps, step, .. } = taken_over(&old.journal, "exe_0", "third", Value::Null, old.now) else {
        panic!("it says that something was taken over");
    };
    assert_eq!((steps, step.as_str()), (Value::Null, "third"));
}
