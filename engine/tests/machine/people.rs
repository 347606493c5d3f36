//! Approvals, pauses and cancellations.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, Decider, Event, NotAdmitted, Outcome, Refused, Signal, Status};

use crate::sim::Sim;

fn step(more: Value) -> Value {
    let mut approval = json!({ "role": "manager", "entity": "order", "entity_id": "{{ order.id }}", "expires_in": "24h",
        "remind_every": "8h", "escalate": { "after": "12h", "role": "director" }, "reason": "{{ order.total }} is a lot" });
    if let (Value::Object(approval), Value::Object(more)) = (&mut approval, more) {
        approval.extend(more);
    }
    json!([
        { "id": "ask", "type": "approval", "approval": approval, "on_approved": "yes", "on_rejected": "no", "on_expired": "late" },
        { "id": "yes", "type": "action", "action": "allow", "reason": "{{ steps.ask.output.by }} {{ steps.ask.output.form.note }}" },
        { "id": "no", "type": "action", "action": "block", "reason": "{{ steps.ask.output.reason }}" },
        { "id": "late", "type": "fail", "code": "TOO_LATE" },
    ])
}

fn order() -> Value {
    json!({ "order": { "id": 17, "total": 900 } })
}

fn decide(sim: &Sim, approved: bool, by: &str) -> Command {
    let approval = sim.state.approvals().keys().next().cloned().unwrap_or_default();
    Command::Signal(Signal::Approval {
        approval,
        approved,
        by: by.to_owned(),
        reason: Some("because".to_owned()),
        form: json!({ "note": "fine" }),
        at: None,
    })
}

#[test]
fn one_decision_counts_and_the_flow_goes_where_it_says() {
    let mut sim = Sim::start(step(json!({})), order());
    assert_eq!(sim.state.status(), Status::Waiting);
    let open = sim.state.approvals().values().next().unwrap();
    assert_eq!(open.request.entity_id.as_deref(), Some("17"));
    assert_eq!(open.request.reason.as_deref(), Some("900 is a lot"));
    let approve = decide(&sim, true, "ann");
    let reject = decide(&sim, false, "bob");
    sim.command(approve);
    assert_eq!(sim.state.decision().unwrap().reason.as_deref(), Some("ann fine"));
    assert_eq!(sim.try_command(reject), Err(Refused::Ended));

    let mut sim = Sim::start(step(json!({})), order());
    sim.command(decide(&sim, false, "bob"));
    assert_eq!(
        (sim.state.result(), sim.state.decision().unwrap().reason.as_deref()),
        (Some(Outcome::Blocked), Some("because"))
    );
}

#[test]
fn a_decision_that_is_taken_in_late_was_decided_when_the_person_answered() {
    let mut sim = Sim::start(step(json!({})), order());
    let answered = sluice_engine::Timestamp(1_000_000_000_000);
    let Command::Signal(Signal::Approval { approval, approved, by, reason, form, .. }) = decide(&sim, true, "ann")
    else {
        panic!("a decision is a signal");
    };
    sim.command(Command::Signal(Signal::Approval { approval, approved, by, reason, form, at: Some(answered) }));
    assert_eq!(sim.context()["steps"]["ask"]["output"]["decided_at"], answered.to_rfc3339());
}

#[test]
fn people_are_reminded_another_role_is_asked_and_in_the_end_it_expires() {
    let mut sim = Sim::start(step(json!({})), order());
    let hours = 3_600_000;
    assert_eq!(sim.wake_after(8 * hours), ["ask reminds"]);
    assert_eq!(sim.wake_after(4 * hours), ["ask asks director too"]);
    let request = sim.state.approvals().values().next().unwrap().request.clone();
    let director = Decider { id: "d".to_owned(), roles: vec!["director".to_owned()], is_starter: false };
    assert_eq!(request.admits(&director), Ok(()));
    assert_eq!(request.admits(&Decider { roles: Vec::new(), ..director.clone() }), Err(NotAdmitted::NotAsked));
    assert_eq!(request.admits(&Decider { is_starter: true, ..director }), Err(NotAdmitted::Starter));
    sim.wake_after(12 * hours);
    assert_eq!(sim.state.error().unwrap().code, "TOO_LATE");
}

#[test]
fn a_quorum_needs_different_people() {
    let mut sim = Sim::start(step(json!({ "quorum": 2 })), order());
    assert_eq!(sim.command(decide(&sim, true, "ann")), ["ask: ann approves"]);
    assert!(sim.command(decide(&sim, true, "ann")).is_empty());
    sim.command(decide(&sim, true, "bob"));
    assert_eq!(sim.state.result(), Some(Outcome::Allowed));
}

fn held(more: Value) -> Value {
    let mut step = json!({ "id": "hold", "type": "action", "action": { "type": "block", "reason": "too much" }, "execute": [
        { "type": "create_approval_request", "entity": "order", "entity_id": "{{ order.id }}",
          "data": { "approver_role": "manager", "expires_in": "1h", "order_total": "{{ order.total }}" } } ] });
    if let (Value::Object(step), Value::Object(more)) = (&mut step, more) {
        step.extend(more);
    }
    json!([step, { "id": "go", "type": "action", "action": "allow", "reason": "gone on" }])
}

#[test]
fn a_block_with_an_approval_holds_the_execution_until_it_is_decided() {
    for (ruling, status, outcome) in [
        (Some(true), Status::Completed, Outcome::Allowed),
        (Some(false), Status::Completed, Outcome::Blocked),
        (None, Status::Completed, Outcome::Blocked),
    ] {
        let mut sim = Sim::start_loosely(held(json!({})), order());
        assert_eq!(sim.state.status(), Status::Blocked);
        assert_eq!(sim.state.approvals().values().next().unwrap().request.data["order_total"], 900);
        match ruling {
            Some(approved) => sim.command(decide(&sim, approved, "ann")),
            None => sim.wake_after(3_600_000),
        };
        assert_eq!((sim.state.status(), sim.state.result()), (status, Some(outcome)), "{:#?}", sim.timeline());
    }
}

#[test]
fn a_held_block_continues_where_it_says() {
    let mut sim = Sim::start(held(json!({ "on_approved": "go" })), order());
    sim.command(decide(&sim, true, "ann"));
    assert_eq!(sim.state.decision().unwrap().reason.as_deref(), Some("gone on"));
}

#[test]
fn with_a_next_the_flow_goes_on_at_once() {
    let sim = Sim::start(held(json!({ "next": "go" })), order());
    assert_eq!((sim.state.status(), sim.state.result()), (Status::Completed, Some(Outcome::Allowed)));
}

#[test]
fn a_refused_approval_in_a_branch_fails_the_branch() {
    let steps = json!([{ "id": "p", "type": "parallel", "parallel": { "steps": [
        { "id": "ask", "type": "approval", "approval": { "role": "manager", "expires_in": "1h" } } ] } }]);
    let mut sim = Sim::start(steps, order());
    sim.command(decide(&sim, false, "ann"));
    let context = sim.trace().context(&sim.origin);
    assert_eq!(context["steps"]["p"]["branches"]["ask"]["error"]["code"], "APPROVAL_REJECTED");
}

fn two_calls() -> Value {
    let call = json!([{ "type": "http_request", "url": "https://example.org/{{ extra }}" }]);
    json!([
        { "id": "first", "type": "execute", "execute": call, "next": "second" },
        { "id": "second", "type": "execute", "execute": call, "next": "third" },
        { "id": "third", "type": "set", "set": { "done": "{{ extra }}" } },
    ])
}

fn pause() -> Command {
    Command::Pause { by: None, reason: None, freezes: true }
}

fn resume(data: Value, at_step: Option<&str>) -> Command {
    Command::Resume { by: None, data: Some(data), at_step: at_step.map(str::to_owned) }
}

#[test]
fn a_pause_lets_the_call_in_flight_finish_and_begins_nothing() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.command(pause());
    assert_eq!(sim.state.status(), Status::Running, "a call is under way");
    sim.answer(json!({}));
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Paused, 0));
    assert!(sim.command(pause()).is_empty(), "twice is no error and changes nothing");
    assert!(sim.wake_after(60_000).is_empty());
    sim.command(resume(json!({ "extra": "x" }), None));
    assert_eq!(sim.effects[0].id.step, "second");
    sim.answer(json!({}));
    assert_eq!(sim.trace().context(&sim.origin)["done"], "x");
}

#[test]
fn resuming_may_go_on_at_another_step_and_no_unknown_one() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.command(pause());
    sim.answer(json!({}));
    assert_eq!(sim.try_command(resume(json!({}), Some("nowhere"))), Err(Refused::UnknownStep("nowhere".to_owned())));
    sim.command(resume(json!({}), Some("third")));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_long_pause_can_only_be_cancelled() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.command(pause());
    sim.answer(json!({}));
    sim.wake_after(7 * 24 * 3_600_000 + 1);
    assert!(matches!(sim.try_command(resume(json!({}), None)), Err(Refused::PausedTooLong(_))));
    sim.command(Command::Cancel { by: Some("ann".to_owned()), reason: Some("enough".to_owned()) });
    assert_eq!(sim.state.status(), Status::Cancelled);
}

#[test]
fn what_comes_in_during_a_pause_is_not_lost() {
    let steps = json!([
        { "id": "w", "type": "wait", "wait": { "event": "a.b" }, "next": "n" },
        { "id": "n", "type": "set", "set": { "x": "{{ steps.w.output.v }}" } },
    ]);
    let mut sim = Sim::start(steps, json!({}));
    sim.command(pause());
    assert_eq!(sim.state.status(), Status::Paused);
    let event = Signal::Event { id: "e".to_owned(), event: "a.b".to_owned(), payload: json!({ "v": 1 }), at: None };
    sim.command(Command::Signal(event));
    assert_eq!(sim.state.status(), Status::Paused);
    sim.command(resume(json!({}), None));
    assert_eq!((sim.state.status(), &sim.trace().context(&sim.origin)["x"]), (Status::Completed, &json!(1)));
}

#[test]
fn an_execution_that_nobody_took_up_yet_can_be_paused_too() {
    let definition = json!({ "workflow_id": "test", "steps": two_calls() });
    let mut sim = Sim::accept_json(&definition, json!({}));
    sim.command(pause());
    sim.command(Command::TakeUp);
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Paused, 0));
    sim.command(resume(json!({}), None));
    assert_eq!(sim.effects.len(), 1);
}

#[test]
fn a_cancelled_execution_has_ended_and_its_steps_say_so() {
    let mut sim = Sim::start(two_calls(), json!({}));
    sim.command(Command::Cancel { by: None, reason: None });
    assert!(matches!(sim.journal.last(), Some(Event::Cancelled { .. })));
    assert_eq!(sim.trace().step("first").unwrap().status, sluice_engine::machine::StepStatus::Cancelled);
    assert_eq!(sim.try_command(Command::Wake), Err(Refused::Ended));
}
