//! What a crash costs: nothing that was committed, and no second key for a call under way.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{
    Command, EffectOutcome, ErrorClass, Event, State, Status, apply, outstanding, time_limit, violations,
};

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

#[test]
fn a_step_that_begins_before_what_it_depends_on_is_noticed() {
    const BEFORE: &str = "no step begins before what it depends on";
    let branches = json!([[call("left", json!({}))], [call("right", json!({}))]]);
    let mut sim = Sim::start(
        json!([call("first", json!({ "next": "both" })), { "id": "both", "type": "parallel", "next": "last",
            "parallel": { "branches": branches } }, call("last", json!({}))]),
        json!({}),
    );
    for _call in 0..4 {
        sim.answer(json!({}));
    }
    assert_eq!(sim.state.status(), Status::Completed);
    let told = |journal: &[Event]| -> Vec<String> {
        let found = violations(&sim.plan, &sim.origin, journal, &sim.state, false);
        found.into_iter().filter(|found| found.invariant == BEFORE).map(|found| found.detail).collect()
    };
    assert!(told(&sim.journal).is_empty());
    let without = |is_it: &dyn Fn(&Event) -> bool| -> Vec<Event> {
        sim.journal.iter().filter(|event| !is_it(event)).cloned().collect()
    };
    let result_of =
        |step: &'static str| move |event: &Event| matches!(event, Event::StepSucceeded { path, .. } if path == step);
    assert_eq!(told(&without(&result_of("first")))[0], "both begins, and nothing has led to it");
    assert_eq!(told(&without(&result_of("both"))), ["last begins, and nothing has led to it"]);
    let opened = |event: &Event| matches!(event, Event::ScopeOpened { index: 1, .. });
    assert!(told(&without(&opened)).contains(&"both.right begins, and nothing has led to it".to_owned()));
    let closed = |event: &Event| matches!(event, Event::ScopeClosed { scope: 2, .. });
    assert_eq!(told(&without(&closed))[0], "both has ended before 1 of what it holds");
    let mut astray = sim.journal.clone();
    for event in &mut astray {
        match event {
            Event::StepSucceeded { path, to, .. } if path == "first" => *to = Some("last".into()),
            _other => {}
        }
    }
    assert_eq!(told(&astray)[0], "first goes on at last, and no arrow leads there");
    let mut early = sim.journal.clone();
    let at = early.iter().position(|event| matches!(event, Event::StepStarted { path, .. } if path == "last")).unwrap();
    let last = early.remove(at);
    early.insert(2, last);
    assert_eq!(told(&early)[0], "last begins, and nothing has led to it");
}

#[test]
fn a_step_that_begins_before_its_data_were_loaded_is_noticed() {
    let definition =
        json!({ "workflow_id": "test", "context": { "load": ["stock"] }, "steps": [{ "id": "end", "type": "end" }] });
    let mut sim = Sim::start_definition(&definition, json!({}));
    sim.finish(EffectOutcome::Succeeded { output: json!({ "resources": { "stock": 3 } }) });
    let early: Vec<Event> = sim
        .journal
        .iter()
        .filter(|event| !matches!(event, Event::StepSucceeded { path, .. } if path == "$context"))
        .cloned()
        .collect();
    let found = violations(&sim.plan, &sim.origin, &early, &sim.state, false);
    assert!(found.iter().any(|found| found.detail == "end begins, and nothing has led to it"), "{found:?}");
}
