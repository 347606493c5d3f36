//! Executions and calls that may begin only so often.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{
    Command, EffectOutcome, ErrorClass, Event, Rate, Status, StepStatus, WaitKind, rate, waits,
};

use crate::sim::{START, Sim, call};

fn limited() -> Value {
    json!({
        "workflow_id": "test", "deadline": "1h",
        "rate_limit": { "limit": 100, "per": "1m", "key": "{{ customer.id }}", "burst": 5 },
        "steps": [{ "id": "note", "type": "set", "set": { "noted": true } }],
    })
}

fn accepted() -> Sim {
    Sim::accept_json(&limited(), json!({ "customer": { "id": 7 } }))
}

fn needed(sim: &Sim) -> Option<Rate> {
    rate(&sim.plan, &sim.origin, &sim.state, sim.now).unwrap()
}

fn take_turn(sim: &mut Sim, in_ms: i64) -> Vec<String> {
    let begins_at = Timestamp(sim.now.0 + in_ms);
    sim.command(Command::TakeTurn { key: "7".to_owned(), begins_at })
}

fn dues(sim: &Sim) -> Vec<(WaitKind, Option<i64>)> {
    let waits = waits(&sim.plan, &sim.origin, &sim.state);
    waits.iter().map(|wait| (wait.kind, wait.due_at.map(|due| due.0 - START.0))).collect()
}

#[test]
fn an_execution_needs_a_turn_whose_key_is_rendered_from_the_payload() {
    let sim = accepted();
    let wanted = Rate { key: "7".to_owned(), limit: 100, per: Duration::from_mins(1), burst: 5 };
    assert_eq!(needed(&sim), Some(wanted));
    let plain = json!({ "workflow_id": "test", "rate_limit": { "limit": 1, "per": "1s" },
        "steps": [{ "id": "note", "type": "set", "set": { "noted": true } }] });
    let plain = Sim::accept_json(&plain, json!({}));
    assert_eq!(needed(&plain).map(|rate| (rate.key, rate.burst)), Some((String::new(), 1)));
}

#[test]
fn without_its_turn_nothing_begins() {
    let mut sim = accepted();
    assert!(sim.command(Command::TakeUp).is_empty() && sim.wake_after(60_000).is_empty());
    assert!(sim.state.has_not_begun());
}

#[test]
fn it_begins_in_its_turn_and_not_before() {
    let mut sim = accepted();
    assert_eq!(take_turn(&mut sim, 2_000), ["begins in 2000 ms"]);
    assert_eq!(needed(&sim), None, "it has its turn");
    assert_eq!(dues(&sim), [(WaitKind::Rate, Some(2_000)), (WaitKind::Deadline, Some(3_600_000))]);
    sim.crash();
    assert!(sim.wake_after(1_999).is_empty());
    sim.wake_after(1);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_turn_that_is_now_is_taken_at_once() {
    let mut sim = accepted();
    take_turn(&mut sim, 0);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn who_waits_for_a_slot_takes_its_turn_with_it() {
    let mut definition = limited();
    definition["concurrency"] = json!({ "key": "all" });
    let mut sim = Sim::accept_json(&definition, json!({ "customer": { "id": 7 } }));
    sim.command(Command::AwaitSlot { key: "all".to_owned(), limit: 1 });
    assert_eq!(needed(&sim), None, "in the line nobody takes a turn");
    assert_eq!(sim.command(Command::TakeSlot), ["has a slot"]);
    assert!(needed(&sim).is_some());
    take_turn(&mut sim, 0);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn who_is_resumed_takes_another_turn() {
    let mut sim = accepted();
    take_turn(&mut sim, 2_000);
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    assert_eq!(sim.state.status(), Status::Paused);
    assert!(sim.wake_after(5_000).is_empty(), "its turn passes");
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    assert!(sim.state.has_not_begun() && needed(&sim).is_some(), "many may be resumed at once");
    take_turn(&mut sim, 0);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn its_deadline_ends_it_before_its_turn() {
    let mut sim = accepted();
    take_turn(&mut sim, 7_200_000);
    sim.wake_after(3_600_000);
    assert_eq!(sim.state.error().map(|error| error.code.as_str()), Some("DEADLINE"));
}

fn put_off(sim: &mut Sim, for_ms: i64, has_turn: bool) -> Vec<String> {
    let until = Timestamp(sim.now.0 + for_ms);
    sim.finish(EffectOutcome::PutOff { until, has_turn })
}

#[test]
fn a_call_that_is_put_off_waits_without_a_worker_and_is_no_attempt() {
    let steps = json!([call("ship", json!({ "retry": { "max_attempts": 2, "delay": "1s" }, "timeout": "10s" }))]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7 } }));
    let first = sim.effects[0].clone();
    assert_eq!(put_off(&mut sim, 60_000, true), ["ship#1.0 put off for 60000 ms", "suspended"]);
    assert_eq!((sim.state.status(), dues(&sim)), (Status::Waiting, vec![(WaitKind::Rate, Some(60_000))]));
    let step = sim.trace().step("ship").unwrap().clone();
    let shown = (step.status, step.next_attempt_at, step.attempts[0].calls.len());
    assert_eq!(shown, (StepStatus::Waiting, Some(Timestamp(START.0 + 60_000)), 0), "nothing left");
    sim.crash();
    assert!(sim.wake_after(59_999).is_empty());
    assert_eq!(sim.wake_after(1), ["resumed", "ship#1.0 http_request left"]);
    let second = sim.effects[0].clone();
    assert_eq!((&second.id, &second.key, &second.request), (&first.id, &first.key, &first.request));
    assert_eq!((first.has_turn, second.has_turn), (false, true), "it is not asked again");
    assert_eq!(second.timeout, first.timeout, "the time in which it was put off is not the attempt's");
    sim.crash();
    assert!(sim.effects[0].has_turn, "it keeps its turn when it is repeated");
    // Both attempts are still there.
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.wake_after(1_000);
    assert_eq!((sim.effects[0].id.attempt, sim.effects[0].has_turn), (2, false), "another attempt takes a turn anew");
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn the_next_action_of_a_step_has_no_turn_of_the_one_before() {
    let two = json!([
        { "type": "http_request", "url": "https://example.org/1" }, { "type": "http_request", "url": "https://example.org/2" },
    ]);
    let mut sim = Sim::start(json!([{ "id": "both", "type": "execute", "execute": two }]), json!({}));
    put_off(&mut sim, 1_000, true);
    sim.wake_after(1_000);
    sim.answer(json!({}));
    assert_eq!((sim.effects[0].id.action, sim.effects[0].has_turn), (1, false));
}

#[test]
fn the_time_of_an_attempt_does_not_count_while_its_calls_are_put_off() {
    let two = json!([
        { "type": "http_request", "url": "https://example.org/1" }, { "type": "http_request", "url": "https://example.org/2" },
    ]);
    let steps = json!([{ "id": "both", "type": "execute", "timeout": "10s", "execute": two }]);
    let mut sim = Sim::start(steps, json!({}));
    put_off(&mut sim, 60_000, false);
    sim.wake_after(60_000);
    sim.now.0 += 4_000;
    sim.answer(json!({}));
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(6));
    put_off(&mut sim, 60_000, false);
    sim.wake_after(60_000);
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(6));
}

#[test]
fn a_paused_execution_does_not_make_the_call_that_was_put_off() {
    let mut sim = Sim::start(json!([call("ship", json!({}))]), json!({ "order": { "id": 7 } }));
    put_off(&mut sim, 1_000, true);
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    assert!(sim.wake_after(5_000).is_empty());
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    assert_eq!(sim.effects.len(), 1);
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_call_beside_others_is_put_off_alone() {
    let branches = json!([[call("one", json!({}))], [call("two", json!({}))]]);
    let steps = json!([{ "id": "both", "type": "parallel", "parallel": { "branches": branches } }]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7 } }));
    put_off(&mut sim, 1_000, true);
    assert_eq!(sim.state.status(), Status::Running, "the other is under way");
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Waiting);
    sim.wake_after(1_000);
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_journal_of_before_rates_is_read() {
    let started = json!([{ "type": "action_put_off", "path": "a", "attempt": 1, "action": 0, "until": 5, "at": 1 }]);
    let events: Vec<Event> = serde_json::from_value(started).unwrap();
    assert!(matches!(events[0], Event::ActionPutOff { has_turn: false, .. }));
    let phase = json!({ "status": "running", "ran_ms": 0, "scopes": { "0": { "active": { "step": "a", "path": "a", "attempt": 1,
        "phase": { "actions": { "next": 0, "outputs": [], "in_flight": true, "now": 5 } } } } } });
    assert!(serde_json::from_value::<sluice_engine::machine::State>(phase).is_ok());
}
