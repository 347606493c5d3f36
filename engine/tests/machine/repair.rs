//! Executions that are put right by hand.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, Refused, Status, StepStatus};

use crate::sim::{Sim, call};

fn skip(path: &str, output: Value) -> Command {
    Command::SkipStep { by: Some("ann".to_owned()), reason: None, path: path.to_owned(), output }
}

fn edit(values: &[(&str, Value)]) -> Command {
    let values = values.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    Command::EditContext { by: Some("ann".to_owned()), reason: None, values }
}

fn waits_then_calls() -> Sim {
    let steps = json!([
        { "id": "w", "type": "wait", "wait": { "event": "never.comes" }, "save_as": "came", "next": "c" },
        { "id": "c", "type": "set", "set": { "x": "{{ steps.w.output.v }}", "y": "{{ n }}" } },
    ]);
    Sim::start(steps, json!({ "n": 1, "list": [1] }))
}

#[test]
fn a_step_that_waits_can_be_left_out_with_an_output() {
    let mut sim = waits_then_calls();
    sim.command(skip("w", json!({ "v": 7 })));
    assert_eq!(sim.state.status(), Status::Completed);
    let context = sim.context();
    assert_eq!((&context["x"], &context["came"]["v"]), (&json!(7), &json!(7)));
    let trace = sim.trace();
    assert_eq!((trace.steps[0].status, trace.steps.len()), (StepStatus::Skipped, 2));
}

#[test]
fn of_one_that_is_paused_the_next_step_begins_when_it_is_resumed() {
    let mut sim = waits_then_calls();
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    assert_eq!(sim.command(skip("w", Value::Null)), ["w left out -> c"]);
    assert_eq!(sim.state.status(), Status::Paused);
    sim.crash();
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn one_branch_can_go_on_without_a_step() {
    let wait = |id: &str| json!([{ "id": id, "type": "wait", "wait": { "event": "never.comes" } }]);
    let branches = json!([wait("left"), wait("right")]);
    let mut sim =
        Sim::start(json!([{ "id": "both", "type": "parallel", "parallel": { "branches": branches } }]), json!({}));
    sim.command(skip("both.left", Value::Null));
    assert_eq!(sim.state.status(), Status::Waiting);
    sim.command(skip("both.right", Value::Null));
    assert_eq!(sim.state.status(), Status::Completed);
    let mut sim =
        Sim::start(json!([{ "id": "both", "type": "parallel", "parallel": { "branches": branches } }]), json!({}));
    sim.command(skip("both", json!({ "all": true })));
    assert_eq!(sim.state.status(), Status::Completed, "what it held goes with it");
}

#[test]
fn nothing_is_changed_under_a_call_that_is_under_way_or_where_nothing_stands() {
    let mut sim = Sim::start(json!([call("c", json!({}))]), json!({}));
    assert_eq!(sim.try_command(skip("c", Value::Null)), Err(Refused::StillUnderWay));
    assert_eq!(sim.try_command(edit(&[("n", json!(2))])), Err(Refused::StillUnderWay));
    let mut sim = waits_then_calls();
    assert_eq!(sim.try_command(skip("c", Value::Null)), Err(Refused::NotAtStep("c".to_owned())));
    assert_eq!(
        sim.try_command(edit(&[("n", json!(2)), ("list.0", json!(2))])),
        Err(Refused::WithinList("list.0".to_owned()))
    );
}

#[test]
fn what_is_edited_is_read_from_then_on() {
    let mut sim = waits_then_calls();
    assert_eq!(sim.command(edit(&[("n", json!(5)), ("deep.er", json!("x"))])), ["edited n deep.er"]);
    sim.crash();
    sim.command(skip("w", Value::Null));
    let context = sim.context();
    assert_eq!((&context["y"], &context["deep"]["er"]), (&json!(5), &json!("x")));
}
