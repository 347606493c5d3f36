//! Time limits that stand still during a pause.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{
    Command, EffectOutcome, Event, Frozen, Refused, Signal, State, Status, WaitKind, apply, life_ends, next_due, waits,
};

use crate::sim::{START, Sim, call, ok};

const HOUR: i64 = 3_600_000;

fn pause(freezes: bool) -> Command {
    Command::Pause { by: None, reason: None, freezes }
}

fn resume() -> Command {
    Command::Resume { by: None, data: None, at_step: None }
}

/// What is due, in milliseconds from now.
fn due(sim: &Sim) -> Vec<(WaitKind, i64)> {
    let waits = waits(&sim.plan, &sim.origin, &sim.state).into_iter();
    let long = |kind: &WaitKind| *kind == WaitKind::Pause;
    waits.filter(|wait| !long(&wait.kind)).filter_map(|wait| Some((wait.kind, wait.due_at?.0 - sim.now.0))).collect()
}

/// Pauses for so long.
fn paused_for(sim: &mut Sim, milliseconds: i64) {
    sim.command(pause(true));
    assert!(sim.wake_after(milliseconds).is_empty(), "nothing is due while it stands still");
    sim.crash();
    sim.command(resume());
}

fn waiting(wait: Value) -> Sim {
    let steps =
        json!([{ "id": "rest", "type": "wait", "wait": wait, "next": "done" }, { "id": "done", "type": "end" }]);
    Sim::start(steps, json!({ "order": { "id": 7 } }))
}

#[test]
fn a_delay_and_the_time_limit_of_a_wait_are_later_by_the_pause() {
    for (wait, kind) in [
        (json!({ "for": "1h" }), WaitKind::Timer),
        (json!({ "event": "order.paid", "timeout": "1h" }), WaitKind::Event),
    ] {
        let mut sim = waiting(wait);
        sim.now.0 += HOUR / 4;
        paused_for(&mut sim, 5 * HOUR);
        assert_eq!((sim.state.status(), due(&sim)), (Status::Waiting, vec![(kind, HOUR * 3 / 4)]));
        assert!(sim.wake_after(HOUR * 3 / 4 - 1).is_empty());
        sim.wake_after(1);
        assert!(sim.state.has_ended());
    }
}

#[test]
fn two_pauses_add_up() {
    let mut sim = waiting(json!({ "for": "1h" }));
    for _twice in 0..2 {
        sim.now.0 += HOUR / 4;
        paused_for(&mut sim, 3 * HOUR);
    }
    assert_eq!(due(&sim), [(WaitKind::Timer, HOUR / 2)]);
    assert_eq!(sim.trace().steps[0].next_attempt_at, Some(Timestamp(sim.now.0 + HOUR / 2)), "it is shown so");
}

#[test]
fn a_moment_does_not_move() {
    let until = Timestamp(START.0 + HOUR);
    let mut sim = waiting(json!({ "until": until.to_rfc3339() }));
    sim.command(pause(true));
    sim.wake_after(HOUR / 2);
    sim.command(resume());
    assert_eq!(due(&sim), [(WaitKind::Timer, HOUR / 2)]);
    assert_eq!(sim.trace().steps[0].next_attempt_at, Some(until));
    sim.command(pause(true));
    assert!(sim.wake_after(HOUR).is_empty());
    sim.command(resume());
    assert_eq!(sim.state.status(), Status::Completed, "it has come meanwhile");
}

#[test]
fn the_delay_before_another_attempt_goes_on() {
    let retry = json!({ "max_attempts": 2, "delay": "1h", "backoff": "constant", "jitter": false });
    let mut sim = Sim::start(json!([call("first", json!({ "retry": retry }))]), json!({}));
    sim.fail("CONNECTION_FAILED", sluice_engine::machine::ErrorClass::Connection);
    paused_for(&mut sim, 2 * HOUR);
    assert_eq!(sim.effects.len(), 1);
}

#[test]
fn the_turn_of_a_call_goes_on_and_is_shown_so() {
    let mut sim = Sim::start(json!([call("ship", json!({}))]), json!({ "order": { "id": 7 } }));
    let until = Timestamp(sim.now.0 + 3 * HOUR);
    sim.finish(EffectOutcome::PutOff { until, has_turn: true });
    paused_for(&mut sim, HOUR);
    assert_eq!(due(&sim), [(WaitKind::Rate, 2 * HOUR)]);
    assert_eq!(sim.trace().step("ship").unwrap().next_attempt_at, Some(until));
}

#[test]
fn if_it_is_wanted_time_limits_go_on_and_count_when_the_pause_ends() {
    let mut sim = waiting(json!({ "event": "order.paid", "timeout": "1h" }));
    sim.command(pause(false));
    assert!(sim.wake_after(2 * HOUR).is_empty());
    sim.command(resume());
    assert_eq!(sim.state.status(), Status::Failed);
    let Some(Event::Unpaused { frozen, .. }) = sim.journal.iter().find(|event| matches!(event, Event::Unpaused { .. }))
    else {
        panic!("{:?}", sim.journal)
    };
    assert_eq!(*frozen, None);
}

fn lives(deadline: &str) -> Sim {
    let steps = json!([{ "id": "rest", "type": "wait", "wait": { "event": "order.paid" } }]);
    Sim::start_definition(&json!({ "workflow_id": "test", "deadline": deadline, "steps": steps }), json!({}))
}

#[test]
fn the_whole_life_is_longer_by_the_pauses_in_it() {
    let mut sim = lives("1h");
    sim.now.0 += HOUR / 4;
    sim.command(pause(true));
    assert_eq!((due(&sim), life_ends(&sim.plan, &sim.origin, &sim.state)), (vec![], None));
    assert!(sim.wake_after(2 * HOUR).is_empty());
    sim.crash();
    sim.command(resume());
    assert_eq!(due(&sim), [(WaitKind::Deadline, HOUR * 3 / 4)]);
    assert_eq!(next_due(&sim.plan, &sim.origin, &sim.state), Some(Timestamp(sim.now.0 + HOUR * 3 / 4)));
    sim.wake_after(HOUR * 3 / 4);
    assert_eq!(sim.state.error().unwrap().code, "DEADLINE");
    let mut sim = lives("1h");
    sim.command(pause(false));
    sim.wake_after(HOUR);
    assert_eq!(sim.state.error().unwrap().code, "DEADLINE", "it went on");
}

#[test]
fn what_fails_in_a_pause_has_stood_still_for_its_retry() {
    let steps = json!([call("first", json!({}))]);
    let definition = json!({ "workflow_id": "test", "deadline": "1h", "timeout": "30m", "steps": steps });
    let mut sim = Sim::start_definition(&definition, json!({}));
    sim.command(pause(true));
    sim.wake_after(2 * HOUR);
    assert_eq!(sim.state.error().unwrap().code, "EXECUTION_TIMEOUT", "running time goes on with the call");
    sim.crash();
    sim.command(Command::Retry { by: None, reason: None, hold: true });
    sim.now.0 += HOUR;
    sim.command(resume());
    assert_eq!(life_ends(&sim.plan, &sim.origin, &sim.state), Some(Timestamp(sim.now.0 + HOUR)));
    sim.now.0 += HOUR;
    sim.command(Command::Interrupt { code: "QUARANTINED".to_owned(), message: String::new() });
    let again = Command::Retry { by: None, reason: None, hold: false };
    assert_eq!(sim.try_command(again), Err(Refused::PastDeadline));
}

fn asks() -> Value {
    json!({ "id": "ask", "type": "approval", "approval": {
        "role": "manager", "expires_in": "4h", "remind_every": "1h", "escalate": { "after": "2h", "role": "boss" } } })
}

#[test]
fn expiry_reminder_and_escalation_of_an_approval_are_later_by_the_pause() {
    let mut sim = Sim::start(json!([asks()]), json!({}));
    sim.now.0 += HOUR / 2;
    paused_for(&mut sim, 9 * HOUR);
    let open = sim.state.approvals().values().next().unwrap().clone();
    let left = |at: Option<Timestamp>| at.unwrap().0 - sim.now.0;
    assert_eq!(left(open.remind_at), HOUR / 2);
    assert_eq!(left(open.escalate_at), HOUR * 3 / 2);
    assert_eq!(left(open.request.expires_at), HOUR * 7 / 2);
    assert!(sim.wake_after(HOUR / 2 - 1).is_empty());
    assert_eq!(sim.wake_after(1), ["ask reminds"]);
    sim.wake_after(3 * HOUR);
    assert!(sim.timeline().contains(&"ask is expired".to_owned()));
}

#[test]
fn an_approval_can_be_decided_in_a_pause_after_the_moment_at_which_it_would_have_expired() {
    let mut sim = Sim::start(json!([asks()]), json!({}));
    sim.command(pause(true));
    sim.wake_after(5 * HOUR);
    let approval = sim.state.approvals().keys().next().unwrap().clone();
    let (by, form) = ("ann".to_owned(), Value::Null);
    sim.command(Command::Signal(Signal::Approval { approval, approved: true, by, reason: None, form, at: None }));
    sim.command(resume());
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn people_who_are_asked_in_a_pause_have_their_whole_time_after_it() {
    let list = json!([
        { "type": "http_request", "url": "https://example.org" },
        { "type": "create_approval_request", "entity": "order", "entity_id": "7", "data": { "approver_role": "manager", "expires_in": "1h" } },
    ]);
    let steps = json!([
        { "id": "first", "type": "execute", "execute": list, "next": "rest" },
        { "id": "rest", "type": "wait", "wait": { "event": "a.b" } },
    ]);
    let mut sim = Sim::start(steps, json!({}));
    sim.command(pause(true));
    // The call is under way meanwhile, which counts as running.
    sim.now.0 += 60_000;
    sim.finish(ok(json!({})));
    assert_eq!(sim.state.approvals().len(), 1, "{:#?}", sim.timeline());
    sim.now.0 += 2 * HOUR;
    sim.command(resume());
    let expires = sim.state.approvals().values().next().unwrap().request.expires_at;
    assert_eq!(expires, Some(Timestamp(sim.now.0 + HOUR)));
}

#[test]
fn a_journal_of_before_folds_to_what_it_folded_to() {
    let events: Vec<Event> = serde_json::from_value(json!([
        { "type": "accepted" },
        { "type": "started", "at": 1, "step": "rest" },
        { "type": "step_started", "path": "rest", "step": "rest", "attempt": 1, "kind": "wait", "at": 1 },
        { "type": "wait_began", "path": "rest", "what": { "for": "time" }, "due_at": 100, "at": 1 },
        { "type": "suspended", "at": 1 },
        { "type": "paused", "at": 10 },
        { "type": "unpaused", "at": 60 },
    ]))
    .unwrap();
    let mut state = State::new();
    for event in &events {
        apply(&mut state, event);
        assert!(!state.is_frozen());
    }
    let stored = serde_json::to_value(&state).unwrap();
    assert_eq!(stored["scopes"].to_string().matches("100").count(), 1, "{stored}");
    assert!(stored.get("frozen_ms").is_none() && stored.get("freezes").is_none());
    let written = serde_json::to_value(&events[6]).unwrap();
    assert!(written.get("frozen").is_none() && written.get("event").is_none());
    let read: Frozen = serde_json::from_value(json!({ "ms": 5 })).unwrap();
    assert_eq!(read, Frozen { ms: 5, stays: Vec::new() });
}
