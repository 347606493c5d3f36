//! Bounds on an execution: running time, whole life, steps.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{Command, ErrorClass, Event, State, Status, WaitKind, time_limit, waits};

use crate::sim::{START, Sim, call};

fn definition(more: Value) -> Value {
    let retry = json!({ "retry": { "max_attempts": 5, "delay": "60s", "backoff": "constant" } });
    let mut definition = json!({ "workflow_id": "test", "timeout": "10s", "steps": [call("slow", retry)] });
    for (key, value) in more.as_object().unwrap() {
        definition[key] = value.clone();
    }
    definition
}

#[test]
fn an_execution_that_runs_too_long_fails_with_execution_timeout() {
    let mut sim = Sim::start_definition(&definition(json!({})), json!({}));
    assert_eq!(time_limit(&sim.plan, &sim.origin, &sim.state), Some(Timestamp(START.0 + 10_000)));
    assert!(sim.wake_after(9_999).is_empty());
    assert_eq!(sim.wake_after(1), ["failed EXECUTION_TIMEOUT at slow"]);
    assert_eq!(sim.trace().step("slow").unwrap().ended_at, Some(sim.now));
}

#[test]
fn time_that_is_waited_does_not_count_as_running() {
    let mut sim = Sim::start_definition(&definition(json!({})), json!({}));
    sim.now.0 += 6_000;
    sim.fail("HTTP_STATUS", ErrorClass::Http(500));
    assert_eq!(time_limit(&sim.plan, &sim.origin, &sim.state), None, "no bound while it waits");
    sim.wake_after(60_000);
    assert_eq!(time_limit(&sim.plan, &sim.origin, &sim.state), Some(Timestamp(sim.now.0 + 4_000)));
    assert_eq!(sim.wake_after(4_000), ["failed EXECUTION_TIMEOUT at slow"]);
}

#[test]
fn an_outcome_after_the_limit_is_kept_and_no_further_step_begins() {
    let steps = json!([call("slow", json!({ "next": "then" })), call("then", json!({}))]);
    let mut sim = Sim::start_definition(&definition(json!({ "steps": steps })), json!({}));
    sim.now.0 += 10_000;
    assert_eq!(sim.answer(json!({})), ["slow#1.0 ok", "slow ok -> then", "failed EXECUTION_TIMEOUT at then"]);
}

#[test]
fn the_deadline_counts_waits_too_and_is_itself_a_reason_to_wake() {
    let mut sim = Sim::start_definition(&definition(json!({ "deadline": "30s" })), json!({}));
    sim.fail("HTTP_STATUS", ErrorClass::Http(500));
    let due: Vec<_> =
        waits(&sim.plan, &sim.origin, &sim.state).into_iter().map(|wait| (wait.kind, wait.due_at)).collect();
    assert_eq!(
        due,
        [(WaitKind::Retry, Some(Timestamp(START.0 + 60_000))), (WaitKind::Deadline, Some(Timestamp(START.0 + 30_000)))]
    );
    assert!(sim.wake_after(29_999).is_empty());
    assert_eq!(sim.wake_after(1), ["failed DEADLINE at slow"]);
}

#[test]
fn an_execution_that_was_accepted_too_long_ago_does_nothing() {
    let value = definition(json!({ "deadline": "30s" }));
    let mut sim = Sim::accept(sluice_engine::definition::decode(&value).unwrap(), json!({}));
    sim.now.0 += 30_000;
    assert_eq!(sim.command(Command::TakeUp), ["started at slow", "failed DEADLINE at slow"]);
    assert!(sim.effects.is_empty());
}

#[test]
fn an_endless_flow_stops_at_the_step_budget() {
    let round = json!({ "workflow_id": "test", "steps": [
        { "id": "a", "type": "set", "set": { "n": "{{ n + 1 }}" }, "next": "b" },
        { "id": "b", "type": "set", "set": { "x": 1 }, "next": "a", "when": { "field": "n", "operator": "lt", "value": 0 } },
    ] });
    let sim = unwatched(&round);
    assert_eq!(sim.error().unwrap().code, "STEP_BUDGET");
    // Steps that are only ever skipped use the budget too.
    let skipped = json!({ "workflow_id": "test", "steps": [
        { "id": "a", "type": "end", "next": "a", "when": { "field": "n", "operator": "lt", "value": 0 } },
    ] });
    assert_eq!(unwatched(&skipped).error().unwrap().code, "STEP_BUDGET");
}

/// Runs a definition with a cycle, which the check would refuse, without looking at each event.
fn unwatched(definition: &Value) -> State {
    let sim = Sim::accept(sluice_engine::definition::decode(definition).unwrap(), json!({ "n": 0 }));
    let mut state = State::new();
    let mut command = Command::TakeUp;
    while sluice_engine::machine::advance(&sim.plan, &sim.origin, &mut state, command, START).unwrap().goes_on {
        command = Command::Wake;
    }
    state
}

#[test]
fn an_interrupt_fails_the_execution_where_it_stands() {
    let mut sim = Sim::start_definition(&definition(json!({})), json!({}));
    let quarantine = Command::Interrupt { code: "QUARANTINED".to_owned(), message: "its worker died".to_owned() };
    assert_eq!(sim.command(quarantine), ["failed QUARANTINED at slow"]);
    assert_eq!(sim.state.status(), Status::Failed);
    assert!(matches!(sim.journal.last(), Some(Event::Failed { .. })));
}
