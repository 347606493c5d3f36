//! Pauses that end by themselves or last long, and signals that come before anything waits for them.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::machine::{Command, Refused, Signal, Status, WaitKind, waits};

use crate::sim::{Sim, call};

const HOUR: i64 = 3_600_000;

fn pause() -> Command {
    Command::Pause { by: Some("ann".to_owned()), reason: None, freezes: true }
}

fn resume() -> Command {
    Command::Resume { by: None, data: None, at_step: None }
}

fn later(sim: &Sim, milliseconds: i64, data: Option<Value>) -> Command {
    let due_at = Some(Timestamp(sim.now.0 + milliseconds));
    Command::ScheduleResume { by: None, due_at, when: None, data, at_step: None }
}

fn signal(id: &str, name: &str, data: Value) -> Command {
    Command::Signal(Signal::Named { id: id.to_owned(), name: name.to_owned(), data, at: None })
}

/// Paused behind the first of two calls.
fn paused() -> Sim {
    let mut sim = Sim::start(json!([call("first", json!({ "next": "second" })), call("second", json!({}))]), json!({}));
    sim.command(pause());
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Paused);
    sim
}

fn due(sim: &Sim) -> Vec<(WaitKind, i64)> {
    let waits = waits(&sim.plan, &sim.origin, &sim.state).into_iter();
    waits.filter_map(|wait| Some((wait.kind, wait.due_at?.0 - sim.now.0))).collect()
}

#[test]
fn a_pause_may_end_by_itself_at_a_moment_and_is_woken_for_it() {
    let mut sim = paused();
    sim.command(later(&sim, HOUR, Some(json!({ "x": 1 }))));
    assert_eq!(due(&sim)[0], (WaitKind::Resume, HOUR));
    assert!(sim.wake_after(HOUR - 1).is_empty());
    sim.crash();
    sim.wake_after(1);
    assert_eq!((sim.effects[0].id.step.as_str(), &sim.context()["x"]), ("second", &json!(1)));
}

#[test]
fn a_call_under_way_comes_back_before_data_are_merged_at_the_moment() {
    let mut sim = Sim::start(json!([call("first", json!({ "next": "second" })), call("second", json!({}))]), json!({}));
    sim.command(pause());
    sim.command(later(&sim, 10, Some(json!({ "x": 1 }))));
    assert!(sim.wake_after(20).is_empty());
    assert!(due(&sim).iter().all(|(kind, _)| *kind != WaitKind::Resume), "nobody is woken for it meanwhile");
    sim.answer(json!({}));
    sim.command(Command::Wake);
    assert_eq!((sim.effects[0].id.step.as_str(), &sim.context()["x"]), ("second", &json!(1)));
}

#[test]
fn a_moment_that_is_over_resumes_at_once() {
    let mut sim = paused();
    sim.command(later(&sim, 0, None));
    assert_eq!(sim.state.status(), Status::Running);
}

#[test]
fn whoever_resumes_by_hand_before_the_moment_is_first_and_nothing_happens_at_the_moment() {
    let mut sim = paused();
    sim.command(later(&sim, HOUR, Some(json!({ "x": 1 }))));
    sim.command(resume());
    assert_eq!(sim.state.resumes_at(), None);
    sim.command(pause());
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed, "the second call was the last step");
    let mut sim = paused();
    sim.command(later(&sim, HOUR, None));
    sim.command(resume());
    sim.command(pause());
    assert_eq!(sim.state.resumes_at(), None, "another pause does not inherit it");
}

#[test]
fn a_scheduled_resume_can_be_set_anew_and_taken_back() {
    let mut sim = paused();
    sim.command(later(&sim, HOUR, None));
    sim.command(later(&sim, 2 * HOUR, None));
    assert_eq!(due(&sim)[0], (WaitKind::Resume, 2 * HOUR));
    let no_more = Command::ScheduleResume { by: None, due_at: None, when: None, data: None, at_step: None };
    assert_eq!(sim.command(no_more.clone()), ["goes on no more"]);
    assert!(sim.command(no_more).is_empty(), "twice is no error and changes nothing");
    sim.wake_after(3 * HOUR);
    assert_eq!(sim.state.status(), Status::Paused);
}

#[test]
fn nothing_is_scheduled_that_could_not_be_done() {
    let mut sim = paused();
    assert!(matches!(sim.try_command(later(&sim, 8 * 24 * HOUR, None)), Err(Refused::PausedTooLong(_))));
    let nowhere = Some("nowhere".to_owned());
    let command = Command::ScheduleResume { by: None, due_at: Some(sim.now), when: None, data: None, at_step: nowhere };
    assert_eq!(sim.try_command(command), Err(Refused::UnknownStep("nowhere".to_owned())));
    let mut running = Sim::start(json!([call("first", json!({}))]), json!({}));
    assert!(running.command(later(&running, HOUR, None)).is_empty(), "it is not paused");
}

#[test]
fn a_pause_of_more_than_a_day_is_noted_once() {
    let mut sim = paused();
    assert_eq!(due(&sim), [(WaitKind::Pause, 24 * HOUR)]);
    assert!(sim.wake_after(24 * HOUR - 1).is_empty());
    assert_eq!(sim.wake_after(1), ["paused for long"]);
    assert!(due(&sim).is_empty());
    sim.crash();
    assert!(sim.wake_after(24 * HOUR).is_empty());
    sim.command(resume());
    assert_eq!(sim.state.status(), Status::Running);
}

#[test]
fn one_that_had_not_begun_goes_on_by_itself_too() {
    let definition = json!({ "workflow_id": "test", "steps": [call("first", json!({}))] });
    let mut sim = Sim::accept_json(&definition, json!({}));
    sim.command(pause());
    sim.command(later(&sim, HOUR, None));
    assert!(sim.command(Command::TakeUp).is_empty());
    sim.now.0 += HOUR;
    sim.command(Command::TakeUp);
    assert_eq!(sim.effects.len(), 1);
}

fn waits_twice() -> Sim {
    let steps = json!([
        call("first", json!({ "next": "one" })),
        { "id": "one", "type": "wait", "wait": { "event": "go.on", "match": ["order.id"] }, "next": "two" },
        { "id": "two", "type": "wait", "wait": { "event": "go.*" } },
    ]);
    Sim::start(steps, json!({ "order": { "id": 7 } }))
}

#[test]
fn a_signal_that_comes_before_its_wait_is_kept_for_it_in_order() {
    let mut sim = waits_twice();
    assert_eq!(sim.command(signal("a", "go.on", json!({ "x": 1 }))), ["keeps go.on"]);
    sim.command(signal("b", "go.home", json!({ "x": 2 })));
    assert!(sim.command(signal("a", "go.on", json!({ "x": 3 }))).is_empty(), "it is known");
    sim.crash();
    sim.answer(json!({}));
    assert_eq!((sim.state.status(), &sim.context()["x"]), (Status::Completed, &json!(2)));
    let taken: Vec<String> = sim.timeline().into_iter().filter(|line| line.contains("takes")).collect();
    assert_eq!(taken, ["one takes go.on", "two takes go.home"]);
}

#[test]
fn a_signal_needs_to_say_nothing_about_what_it_is_about() {
    let mut sim = waits_twice();
    sim.answer(json!({}));
    sim.command(signal("a", "go.on", json!({})));
    assert!(sim.timeline().contains(&"one takes go.on".to_owned()));
    assert!(sim.command(signal("a", "go.on", json!({}))).is_empty(), "taken once");
}

#[test]
fn signals_that_come_during_a_pause_keep_their_order() {
    let mut sim = waits_twice();
    sim.command(pause());
    sim.answer(json!({}));
    sim.command(signal("a", "go.on", json!({ "x": 1 })));
    sim.command(signal("b", "go.on", json!({ "x": 2 })));
    assert_eq!(sim.state.status(), Status::Paused);
    sim.command(resume());
    let taken: Vec<String> = sim.timeline().into_iter().filter(|line| line.contains("takes")).collect();
    assert_eq!((taken.len(), &sim.context()["x"]), (2, &json!(2)));
}

#[test]
fn of_a_flood_of_signals_so_many_are_kept_and_the_rest_is_said_to_be_dropped() {
    let mut sim = waits_twice();
    for number in 0..100 {
        assert_eq!(sim.command(signal(&format!("s{number}"), "go.nowhere", json!({}))), ["keeps go.nowhere"]);
    }
    let dropped = sim.command(signal("last", "go.nowhere", json!({})));
    assert!(dropped[0].contains("is dropped"), "{dropped:?}");
}

#[test]
fn nested_branches_stop_and_go_on_with_what_is_finished_kept() {
    let branch = |name: &str| {
        json!([{ "id": format!("{name}_all"), "type": "parallel", "parallel": { "branches": [
            [call(&format!("{name}_a"), json!({})), call(&format!("{name}_b"), json!({}))],
            [call(&format!("{name}_c"), json!({}))],
        ] } }])
    };
    let steps = json!([{ "id": "all", "type": "parallel", "parallel": { "branches": [branch("x"), branch("y")] } }]);
    let mut sim = Sim::start(steps, json!({}));
    assert_eq!(sim.effects.len(), 4);
    sim.command(pause());
    for _under_way in 0..4 {
        sim.answer(json!({}));
    }
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Paused, 0), "no branch begins a step");
    sim.crash();
    sim.command(resume());
    let mut begun: Vec<&str> = sim.effects.iter().map(|effect| effect.id.step.rsplit('.').next().unwrap()).collect();
    begun.sort_unstable();
    assert_eq!(begun, ["x_b", "y_b"], "what was finished is not done again");
    sim.answer(json!({}));
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}
