//! Pauses that an event ends.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::definition::{ResumeWhen, resume_when};
use sluice_engine::machine::{Command, Event, Refused, Signal, State, Status, WaitKind, WaitRow, waits};
use sluice_engine::plan::PinnedRule;
use sluice_engine::rule::{RuleKind, check};

use crate::sim::{Sim, call};

const HOUR: i64 = 3_600_000;

fn pause() -> Command {
    Command::Pause { by: Some("ann".to_owned()), reason: None, freezes: true }
}

fn when(event: &str, matching: Option<Value>, condition: Option<Value>) -> ResumeWhen {
    resume_when(event, matching.as_ref(), condition.as_ref()).unwrap()
}

/// To go on at this event, and at a moment if one is given.
fn asked(when: ResumeWhen, due_at: Option<Timestamp>) -> Command {
    Command::ScheduleResume { by: None, due_at, when: Some(Box::new(when)), data: None, at_step: None }
}

fn on(event: &str) -> Command {
    asked(when(event, None, None), None)
}

fn event(sim: &Sim, id: &str, event: &str, payload: Value) -> Command {
    Command::Signal(Signal::Event { id: id.to_owned(), event: event.to_owned(), payload, at: Some(sim.now) })
}

/// Paused behind the first of two calls.
fn paused() -> Sim {
    let steps = json!([call("first", json!({ "next": "second" })), call("second", json!({}))]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7 }, "n": 1 }));
    sim.command(pause());
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Paused);
    sim.now.0 += 1_000;
    sim
}

fn resume_row(sim: &Sim) -> WaitRow {
    let waits = waits(&sim.plan, &sim.origin, &sim.state).into_iter();
    waits.into_iter().find(|wait| wait.kind == WaitKind::Resume && wait.event.is_some()).unwrap()
}

#[test]
fn an_event_ends_a_pause_once_and_the_history_says_which() {
    let mut sim = paused();
    assert_eq!(sim.command(on("stock.counted")), ["goes on at stock.counted"]);
    assert!(sim.command(event(&sim, "e0", "stock.moved", json!({}))).is_empty());
    sim.crash();
    let done = sim.command(event(&sim, "e1", "stock.counted", json!({})));
    assert_eq!(done[0], "unpaused by e1");
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Running, 1));
    assert!(sim.command(event(&sim, "e1", "stock.counted", json!({}))).is_empty(), "it came before");
    assert_eq!(sim.state.resumes_on(), None);
}

#[test]
fn an_event_that_ended_a_pause_or_came_before_one_does_not_end_the_next() {
    let mut sim = paused();
    let old = event(&sim, "old", "stock.counted", json!({}));
    sim.now.0 += 1;
    sim.command(on("stock.counted"));
    assert!(sim.command(old).is_empty(), "it came before anybody asked for it");
    let first = event(&sim, "e1", "stock.counted", json!({}));
    sim.command(first.clone());
    sim.command(pause());
    sim.command(on("stock.counted"));
    sim.crash();
    assert!(sim.command(first).is_empty(), "it is known");
    sim.command(event(&sim, "e2", "stock.counted", json!({})));
    assert!(!sim.state.is_pausing());
}

#[test]
fn events_since_the_moment_of_asking_count_however_long_it_takes_to_note_the_pause() {
    let mut sim = paused();
    let asked_at = sim.now;
    let between = event(&sim, "e1", "stock.counted", json!({}));
    sim.now.0 += 5_000;
    let when = ResumeWhen { since: Some(asked_at), ..when("stock.counted", None, None) };
    sim.command(asked(when, None));
    assert_eq!(resume_row(&sim).since, Some(asked_at));
    sim.command(between);
    assert!(!sim.state.is_pausing());
}

#[test]
fn without_match_it_must_be_about_the_same_thing_if_it_tells_what_it_is_about() {
    let mut sim = paused();
    sim.command(on("order.*"));
    assert_eq!(resume_row(&sim).correlation.as_deref(), Some("order.id=n7"));
    assert!(sim.command(event(&sim, "e1", "order.paid", json!({ "order": { "id": 8 } }))).is_empty());
    sim.command(event(&sim, "e2", "order.paid", json!({ "amount": 3 })));
    assert!(!sim.state.is_pausing());
}

#[test]
fn match_names_paths_of_the_execution_or_values() {
    for matching in [json!(["order.id"]), json!({ "order.id": 7 })] {
        let mut sim = paused();
        sim.command(asked(when("stock.counted", Some(matching), None), None));
        assert_eq!(resume_row(&sim).keys, [("order.id".to_owned(), json!(7))]);
        assert!(sim.command(event(&sim, "e1", "stock.counted", json!({}))).is_empty());
        sim.command(event(&sim, "e2", "stock.counted", json!({ "order": { "id": 7 } })));
        assert!(!sim.state.is_pausing());
    }
    let mut sim = paused();
    let lines = sim.command(asked(when("stock.counted", Some(json!(["nothing.there"])), None), None));
    assert!(lines[0].contains("nothing.there"), "what can never fit is said: {lines:?}");
}

#[test]
fn a_condition_reads_the_event_and_the_execution_and_the_history_tells_why_it_does_not_hold() {
    let condition =
        json!({ "and": [{ "field": "event.amount", "operator": "gte", "value": 5 }, { "expression": "n == 1" }] });
    let mut sim = paused();
    sim.command(asked(when("stock.counted", None, Some(condition)), None));
    let small = event(&sim, "e1", "stock.counted", json!({ "amount": 3 }));
    assert_eq!(sim.command(small.clone()), ["not ended by e1"]);
    assert!(sim.command(small).is_empty(), "twice says it once");
    let Some(Event::ResumeUnmet { event: unmet, .. }) = sim.journal.last() else { panic!("{:?}", sim.journal.last()) };
    assert!(!unmet.why.as_ref().unwrap().result);
    sim.crash();
    sim.command(event(&sim, "e2", "stock.counted", json!({ "amount": 5 })));
    let Some(Event::Unpaused { event: Some(ended), .. }) =
        sim.journal.iter().find(|event| matches!(event, Event::Unpaused { .. }))
    else {
        panic!("{:?}", sim.journal)
    };
    assert!(ended.why.as_ref().unwrap().result);
}

#[test]
fn a_flood_of_events_that_do_not_fit_fills_no_history() {
    let mut sim = paused();
    sim.command(asked(when("stock.*", None, Some(json!({ "expression": "event.amount > 5" }))), None));
    let before = sim.journal.len();
    for number in 0..100 {
        sim.command(event(&sim, &format!("e{number}"), "stock.counted", json!({ "amount": 1 })));
    }
    let told = |event: &&Event| matches!(event, Event::ResumeUnmet { event, .. } if event.why.is_some());
    let new = &sim.journal[before..];
    assert_eq!((new.len(), new.iter().filter(told).count()), (100, 20), "of the others it is only said that they came");
    sim.command(event(&sim, "last", "stock.counted", json!({ "amount": 6 })));
    assert!(!sim.state.is_pausing());
}

#[test]
fn an_event_that_was_judged_is_not_judged_again_with_other_data_up_to_a_thousand() {
    let mut sim = paused();
    sim.command(asked(when("stock.*", None, Some(json!({ "expression": "event.amount > n" }))), None));
    let came = |sim: &Sim, number: u32| event(sim, &format!("e{number}"), "stock.counted", json!({ "amount": 1 }));
    let mut noted = 0;
    for number in 0..1_001 {
        noted += sim.advance_plainly(came(&sim, number)).events.len();
    }
    assert_eq!(noted, 1_000);
    let values = vec![("n".to_owned(), json!(0))];
    sim.advance_plainly(Command::EditContext { by: None, reason: None, values });
    for number in 0..1_000 {
        assert!(sim.advance_plainly(came(&sim, number)).events.is_empty(), "{number} is looked at after each restart");
    }
    let stored = serde_json::to_string(&sim.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), sim.state);
    sim.advance_plainly(came(&sim, 1_000));
    assert!(!sim.state.is_pausing(), "it was one too many to be remembered");
}

#[test]
fn what_cannot_be_judged_does_not_end_a_pause() {
    let mut sim = paused();
    sim.command(asked(when("stock.counted", None, Some(json!({ "expression": "event.amount + [] > 5" }))), None));
    let lines = sim.command(event(&sim, "e1", "stock.counted", json!({ "amount": 1 })));
    assert_eq!(lines, ["not ended by e1, which cannot be judged"]);
    let mut sim = paused();
    sim.command(asked(when("stock.counted", None, Some(json!({ "rule_id": "unknown" }))), None));
    let lines = sim.command(event(&sim, "e1", "stock.counted", json!({})));
    assert_eq!(lines, ["not ended by e1, which cannot be judged"]);
}

#[test]
fn a_rule_that_the_execution_has_decides_over_event_and_data() {
    let mut sim = paused();
    let definition =
        json!({ "and": [{ "field": "event.amount", "operator": "gte", "value": 5 }, { "expression": "n == 1" }] });
    let rule = check(RuleKind::Condition, &definition).rule.unwrap();
    sim.plan = sim.plan.with_rules([("large".to_owned(), PinnedRule { rule, version: 4 })].into());
    sim.command(asked(when("stock.counted", None, Some(json!({ "rule_id": "large" }))), None));
    assert_eq!(sim.command(event(&sim, "e1", "stock.counted", json!({ "amount": 4 }))), ["not ended by e1"]);
    assert_eq!(sim.command(event(&sim, "e2", "stock.counted", json!({ "amount": 5 })))[0], "unpaused by e2");
}

#[test]
fn the_moment_or_a_resume_by_hand_may_be_first() {
    let mut sim = paused();
    let due = Some(Timestamp(sim.now.0 + HOUR));
    assert_eq!(
        sim.command(asked(when("stock.counted", None, None), due)),
        ["goes on at stock.counted, or in 3600000 ms"]
    );
    assert_eq!(sim.wake_after(HOUR)[0], "unpaused");
    assert!(sim.command(event(&sim, "e1", "stock.counted", json!({}))).is_empty());
    let mut sim = paused();
    sim.command(on("stock.counted"));
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    sim.command(pause());
    assert_eq!(sim.state.resumes_on(), None, "another pause does not inherit it");
    let mut sim = paused();
    let due = Some(Timestamp(sim.now.0 + HOUR));
    sim.command(asked(when("stock.counted", None, None), due));
    assert_eq!(sim.command(event(&sim, "e1", "stock.counted", json!({})))[0], "unpaused by e1");
    assert_eq!(sim.state.resumes_at(), None);
}

#[test]
fn both_are_taken_back_together() {
    let mut sim = paused();
    sim.command(asked(when("stock.counted", None, None), Some(Timestamp(sim.now.0 + HOUR))));
    let no_more = Command::ScheduleResume { by: None, due_at: None, when: None, data: None, at_step: None };
    assert_eq!(sim.command(no_more), ["goes on no more"]);
    assert!(sim.command(event(&sim, "e1", "stock.counted", json!({}))).is_empty());
    sim.wake_after(2 * HOUR);
    assert_eq!(sim.state.status(), Status::Paused);
}

#[test]
fn a_step_that_waits_takes_the_event_too() {
    let steps = json!([
        { "id": "one", "type": "wait", "wait": { "event": "order.paid" }, "next": "two" },
        call("two", json!({})),
    ]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7 } }));
    sim.command(pause());
    sim.command(asked(when("order.*", None, Some(json!({ "expression": "amount == 3" }))), None));
    let lines = sim.command(event(&sim, "e1", "order.paid", json!({ "order": { "id": 7 }, "amount": 3 })));
    let place = |wanted: &str| lines.iter().position(|line| line == wanted).unwrap_or_else(|| panic!("{lines:?}"));
    assert!(place("one takes order.paid") < place("unpaused by e1"), "the condition reads what the step took");
    assert_eq!(sim.effects[0].id.step, "two");
}

#[test]
fn data_wait_for_the_call_that_is_under_way() {
    let steps = json!([call("first", json!({ "next": "second" })), call("second", json!({}))]);
    let mut sim = Sim::start(steps, json!({}));
    sim.command(pause());
    let (data, when) = (Some(json!({ "x": 1 })), Some(Box::new(when("stock.counted", None, None))));
    sim.command(Command::ScheduleResume { by: None, due_at: None, when, data, at_step: None });
    sim.command(event(&sim, "e1", "stock.counted", json!({})));
    assert!(sim.state.is_pausing(), "the call is repeated after a crash as it was made");
    sim.crash();
    sim.answer(json!({}));
    sim.command(Command::Wake);
    assert!(sim.timeline().contains(&"unpaused by e1".to_owned()));
    assert_eq!((sim.effects[0].id.step.as_str(), &sim.context()["x"]), ("second", &json!(1)));
}

#[test]
fn a_signal_of_the_name_is_as_good_and_is_kept_for_its_wait_all_the_same() {
    let mut sim = paused();
    sim.command(asked(when("stock.counted", Some(json!(["order.id"])), None), None));
    let lines = sim.command(signal("s", Some(sim.now)));
    assert_eq!(lines[..2], ["keeps stock.counted", "unpaused by s"]);
}

fn signal(id: &str, at: Option<Timestamp>) -> Command {
    let (id, name) = (id.to_owned(), "stock.counted".to_owned());
    Command::Signal(Signal::Named { id, name, data: json!({}), at })
}

#[test]
fn a_signal_that_was_sent_before_the_pause_does_not_end_it() {
    let mut sim = paused();
    let sent_at = sim.now;
    sim.now.0 += 1;
    // What people want is taken in first, so the signal comes after the pause that it was sent before.
    sim.command(on("stock.counted"));
    assert_eq!(sim.command(signal("before", Some(sent_at))), ["keeps stock.counted"]);
    sim.crash();
    assert!(sim.command(signal("before", Some(sim.now))).is_empty(), "it is known");
    let lines = sim.command(signal("of a release that did not tell", None));
    assert_eq!(lines[..2], ["keeps stock.counted", "unpaused by of a release that did not tell"]);
}

#[test]
fn nothing_is_awaited_that_could_not_be_done() {
    let mut sim = paused();
    let nowhere = Command::ScheduleResume {
        by: None,
        due_at: None,
        when: Some(Box::new(when("stock.counted", None, None))),
        data: None,
        at_step: Some("nowhere".to_owned()),
    };
    assert_eq!(sim.try_command(nowhere), Err(Refused::UnknownStep("nowhere".to_owned())));
    sim.command(on("stock.counted"));
    sim.now.0 += 8 * 24 * HOUR;
    assert!(sim.command(event(&sim, "e1", "stock.counted", json!({}))).is_empty(), "it was paused for too long");
    let mut running = Sim::start(json!([call("first", json!({}))]), json!({}));
    assert!(running.command(on("stock.counted")).is_empty(), "it is not paused");
}

#[test]
fn after_the_longest_pause_nothing_is_awaited_any_more() {
    let mut sim = paused();
    sim.command(on("stock.counted"));
    sim.now.0 += 8 * 24 * HOUR;
    let over = Command::ScheduleResume {
        by: None,
        due_at: Some(Timestamp(sim.now.0 - 2 * 24 * HOUR)),
        when: None,
        data: None,
        at_step: None,
    };
    for asked in [on("stock.counted"), over] {
        assert!(matches!(sim.try_command(asked), Err(Refused::PausedTooLong(_))));
    }
    let no_more = Command::ScheduleResume { by: None, due_at: None, when: None, data: None, at_step: None };
    assert_eq!(sim.command(no_more)[0], "goes on no more");
    assert_eq!(sim.state.status(), Status::Paused);
}

#[test]
fn one_that_had_not_begun_begins_with_the_event() {
    let definition = json!({ "workflow_id": "test", "steps": [call("first", json!({}))] });
    let mut sim = Sim::accept_json(&definition, json!({}));
    sim.command(pause());
    sim.command(on("stock.counted"));
    sim.command(Command::TakeUp);
    sim.command(event(&sim, "e1", "stock.counted", json!({})));
    sim.command(Command::TakeUp);
    assert_eq!(sim.effects.len(), 1);
}
