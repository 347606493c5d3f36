//! What a crash costs: nothing that was committed, and no second key for a call under way.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{Command, ErrorClass, Event, State, Status, apply, outstanding, time_limit, violations};

use crate::sim::{START, Sim, call};

fn two_calls() -> Value {
    json!([
        call("reserve", json!({ "next": "charge", "save_as": "reservation" })),
        call("charge", json!({ "retry": { "max_attempts": 2, "delay": "1s" } })),
    ])
}

#[test]
fn a_call_in_flight_is_begun_again_with_its_id_key_and_request() {
    let mut sim = Sim::start(two_calls(), json!({ "order": { "id": 7 } }));
    sim.answer(json!({ "reserved": true }));
    let before = sim.effects.clone();
    sim.crash();
    assert_eq!(sim.effects, before);
    assert!(sim.command(Command::TakeUp).is_empty(), "taking up decides nothing by itself");
    assert_eq!(sim.effects, before);
    sim.answer(json!({ "paid": true }));
    assert_eq!(sim.timeline().iter().filter(|line| line.contains("left")).count(), 2, "no call left twice by decision");
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_crash_in_a_backoff_keeps_attempt_and_due_time() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.answer(json!({}));
    let key = sim.effects[0].key.clone();
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.crash();
    assert!(sim.effects.is_empty());
    assert!(sim.wake_after(999).is_empty());
    sim.wake_after(1);
    assert_eq!((sim.effects[0].id.attempt, &sim.effects[0].key), (2, &key));
}

#[test]
fn the_time_in_which_nobody_had_it_is_not_running_time() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.now.0 += 1_000;
    sim.answer(json!({}));
    sim.crash();
    sim.now.0 += 3_600_000;
    assert_eq!(sim.command(Command::TakeUp), ["suspended", "resumed"]);
    assert_eq!(sim.effects.len(), 1, "the call is under way again");
    assert_eq!(time_limit(&sim.plan, &sim.origin, &sim.state), Some(Timestamp(sim.now.0 + 300_000 - 1_000)));
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_call_that_cannot_be_made_again_fails_its_step_instead_of_being_waited_for() {
    let sim = Sim::start(two_calls(), json!({}));
    // Another program wrote this state: its version had a second action in the step.
    let mut stored = serde_json::to_value(&sim.state).unwrap();
    stored["scopes"]["0"]["active"]["phase"]["actions"]["next"] = json!(1);
    let mut state: State = serde_json::from_value(stored).unwrap();
    assert!(outstanding(&sim.plan, &sim.origin, &state).is_empty());
    let decided = sluice_engine::machine::advance(&sim.plan, &sim.origin, &mut state, Command::TakeUp, START).unwrap();
    assert_eq!(decided.events.len(), 1);
    assert_eq!(state.error().unwrap().code, "STEP_MISSING");
}

#[test]
fn a_second_passage_through_a_step_has_a_key_of_its_own() {
    let round = json!({ "workflow_id": "test", "steps": [call("poll", json!({ "next": "again" })),
        { "id": "again", "type": "condition", "on_true": "poll",
          "condition": { "field": "data.ready", "operator": "neq", "value": true } }] });
    let mut sim = Sim::start_unchecked(&round, json!({}));
    assert_eq!(sim.effects[0].key, "exe_1/poll/1/0");
    sim.answer(json!({ "ready": false }));
    assert_eq!(sim.effects[0].key, "exe_1/poll/2/0");
    sim.crash();
    assert_eq!(sim.effects[0].key, "exe_1/poll/2/0");
    sim.answer(json!({ "ready": true }));
    assert_eq!(sim.state.status(), Status::Completed);
    let trace = sim.trace();
    let passages: Vec<_> = trace.steps.iter().map(|step| (step.ordinal, step.path.as_str())).collect();
    assert_eq!(passages, [(0, "poll"), (1, "again"), (2, "poll"), (3, "again")]);
}

#[test]
fn any_prefix_of_a_journal_can_be_folded() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.answer(json!({}));
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.wake_after(1000);
    sim.answer(json!({}));
    for cut in 0..=sim.journal.len() {
        let mut state = State::new();
        sim.journal[..cut].iter().for_each(|event| apply(&mut state, event));
        assert_eq!(state.has_ended(), cut == sim.journal.len());
    }
    // Nor do events in an order that never was, or about steps that are not under way, do harm.
    let mut state = State::new();
    sim.journal.iter().rev().for_each(|event| apply(&mut state, event));
}

#[test]
fn the_stored_form_of_events_is_the_documented_one() {
    let sim = Sim::start(json!([{ "id": "s", "type": "set", "set": { "a": 1 } }]), json!({}));
    let at = START.0;
    assert_eq!(
        serde_json::to_value(&sim.journal).unwrap(),
        json!([
            { "type": "accepted" },
            { "type": "started", "at": at, "step": "s" },
            { "type": "step_started", "path": "s", "step": "s", "attempt": 1, "kind": "set", "at": at },
            { "type": "context_set", "path": "a", "value": 1 },
            { "type": "step_succeeded", "path": "s", "step": "s", "output": { "a": 1 }, "at": at },
            { "type": "completed", "result": "executed", "at": at },
        ])
    );
    let old: Event = serde_json::from_value(json!({
        "type": "step_skipped", "path": "s", "step": "s", "why": { "op": "eq", "result": false }, "at": at,
    }))
    .unwrap();
    assert_eq!(old.step_path(), Some("s"), "fields that came later are not needed");
}

#[test]
fn a_journal_that_was_tampered_with_is_noticed() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.answer(json!({}));
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    let found = |journal: &[Event], state: &State| -> Vec<&'static str> {
        violations(&sim.plan, &sim.origin, journal, state, false)
            .into_iter()
            .map(|violation| violation.invariant)
            .collect()
    };
    assert!(found(&sim.journal, &sim.state).is_empty());

    let mut ended_twice = sim.journal.clone();
    ended_twice.push(sim.journal.last().unwrap().clone());
    assert!(
        found(&ended_twice, &sim.state).contains(&"an execution ends at most once, and once more after each retry")
    );

    let mut went_on = sim.journal.clone();
    went_on.push(Event::Resumed { at: sim.now });
    assert!(found(&went_on, &sim.state).contains(&"nothing follows the end but the retry of what failed"));

    let without_its_end = &sim.journal[..sim.journal.len() - 1];
    assert!(found(without_its_end, &sim.state).contains(&"the state says that it ended exactly when the journal does"));

    let is_start = |event: &&Event| matches!(event, Event::StepStarted { .. });
    let again: Vec<Event> = sim.journal[..3].iter().chain(sim.journal.iter().filter(is_start)).cloned().collect();
    assert!(found(&again, &sim.state).contains(&"attempts of a step count up from 1"));

    // Parked, and nothing will ever wake it.
    let mut stuck = sim.journal[..2].to_vec();
    stuck.push(Event::Suspended { at: sim.now });
    let mut state = State::new();
    for event in &stuck {
        apply(&mut state, event);
    }
    assert_eq!(found(&stuck, &state), ["a live execution has something outstanding"]);
}
