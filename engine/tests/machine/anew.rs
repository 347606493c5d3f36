//! What is tried or come to again begins anew: nothing that was left behind counts for it.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, ErrorClass, Signal, Status, children};

use crate::sim::{Sim, call, ok};

/// A parallel that is tried again when its call fails, with another branch beside the call.
fn tried_again(branch: Value) -> Value {
    json!([{ "id": "both", "type": "parallel", "retry": { "max_attempts": 2, "delay": "1s" },
        "parallel": { "branches": [[call("pay", json!({}))], [branch]], "strategy": "all_must_pass" } }])
}

#[test]
fn a_second_attempt_around_an_approval_asks_again() {
    let ask = json!({ "id": "ask", "type": "approval", "approval": { "users": ["ann"] } });
    let mut sim = Sim::start(tried_again(ask), json!({}));
    let first = sim.state.approvals().keys().next().cloned().unwrap();
    let (approval, by) = (first.clone(), "ann".to_owned());
    sim.command(Command::Signal(Signal::Approval {
        approval,
        approved: true,
        by,
        reason: None,
        form: Value::Null,
        at: None,
    }));
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.wake_after(1_000);
    let second = sim.state.approvals().keys().next().cloned();
    assert!(second.is_some_and(|second| second != first), "what ann said of the first attempt is not said of this one");
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Waiting);
}

#[test]
fn a_second_attempt_around_a_child_starts_another_one() {
    let start = json!({ "id": "start", "type": "workflow", "workflow": { "workflow_id": "other" } });
    let mut sim = Sim::start(tried_again(start), json!({}));
    let first: Vec<String> = sim.effects.iter().map(|effect| effect.key.clone()).collect();
    let child = sim.effects.iter().find(|effect| effect.key.contains("start")).unwrap().clone();
    let outcome = sluice_engine::machine::EffectOutcome::Succeeded { output: json!({ "execution_id": "exe_2" }) };
    sim.effects.retain(|effect| effect.id != child.id);
    sim.command(Command::EffectDone { effect: child.id, outcome });
    let execution = children(&sim.state)[0].clone();
    sim.command(Command::Signal(Signal::ChildEnded { execution, output: json!({}), error: None }));
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.wake_after(1_000);
    let second: Vec<String> = sim.effects.iter().map(|effect| effect.key.clone()).collect();
    assert_eq!(second.iter().filter(|key| first.contains(key)).count(), 1, "the call is the same: {second:?}");
    assert!(second.iter().any(|key| key.ends_with("/2.1")), "the child is another one: {second:?}");
}

#[test]
fn a_wait_that_is_over_when_a_signal_comes_that_fits_nothing_runs_again() {
    let steps = json!([
        { "id": "nap", "type": "wait", "wait": { "for": "1s" }, "next": "pay" },
        call("pay", json!({})),
    ]);
    let mut sim = Sim::start(steps, json!({}));
    sim.now.0 += 1_000;
    let signal = Signal::Event { id: "e".to_owned(), event: "other.thing".to_owned(), payload: json!({}), at: None };
    assert_eq!(sim.command(Command::Signal(signal))[0], "resumed");
    assert_eq!(sim.state.status(), Status::Running);
    sim.finish(ok(json!({})));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_step_that_was_left_without_a_result_is_another_passage_when_it_is_resumed_there() {
    let steps = json!([call("pay", json!({ "retry": { "max_attempts": 3, "delay": "1h" } }))]);
    let mut sim = Sim::start(steps, json!({}));
    let first = sim.effects[0].key.clone();
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    let data = Some(json!({ "order": { "id": 9 } }));
    sim.command(Command::Resume { by: None, data, at_step: Some("pay".to_owned()) });
    assert_ne!(sim.effects[0].key, first, "it asks for something else");
    sim.crash();
    sim.finish(ok(json!({})));
    assert_eq!(sim.state.status(), Status::Completed);
}
