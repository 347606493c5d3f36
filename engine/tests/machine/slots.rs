//! Executions that may not begin yet, because as many with their concurrency key are under way as may be.

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::definition::OnConflict;
use sluice_engine::machine::{Command, Slot, Status, WaitKind, slot, waits};

use crate::sim::{START, Sim};

fn limited() -> Value {
    json!({
        "workflow_id": "test", "deadline": "1h",
        "concurrency": { "key": "{{ customer.id }}", "limit": 2, "on_conflict": "cancel_running" },
        "steps": [{ "id": "note", "type": "set", "set": { "noted": true } }],
    })
}

fn held() -> Sim {
    let mut sim = Sim::accept_json(&limited(), json!({ "customer": { "id": 7 } }));
    sim.command(Command::AwaitSlot { key: "7".to_owned(), limit: 2 });
    sim
}

fn kinds(sim: &Sim) -> Vec<WaitKind> {
    waits(&sim.plan, &sim.origin, &sim.state).iter().map(|wait| wait.kind).collect()
}

#[test]
fn the_key_is_rendered_from_the_payload() {
    let sim = Sim::accept_json(&limited(), json!({ "customer": { "id": 7 } }));
    let wanted = Slot { key: "7".to_owned(), limit: 2, on_conflict: OnConflict::CancelRunning };
    assert_eq!(slot(&sim.plan, &sim.origin, START), Ok(Some(wanted)));
    let plain = Sim::start(json!([{ "id": "note", "type": "set", "set": { "noted": true } }]), json!({}));
    assert_eq!(slot(&plain.plan, &plain.origin, START), Ok(None));
}

#[test]
fn without_a_slot_nothing_begins() {
    let mut sim = held();
    assert!(sim.command(Command::TakeUp).is_empty() && sim.wake_after(60_000).is_empty());
    assert_eq!((sim.state.has_not_begun(), kinds(&sim)), (true, vec![WaitKind::Slot, WaitKind::Deadline]));
    assert!(sim.command(Command::AwaitSlot { key: "7".to_owned(), limit: 2 }).is_empty(), "once is enough");
}

#[test]
fn with_its_slot_it_begins() {
    let mut sim = held();
    sim.command(Command::TakeSlot);
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn it_can_be_paused_resumed_and_cancelled_before_it_begins() {
    let mut sim = held();
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    assert_eq!(sim.state.status(), Status::Paused);
    sim.command(Command::TakeSlot);
    assert!(sim.state.has_not_begun(), "its turn has come, and it is paused");
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    assert_eq!(sim.state.status(), Status::Completed);

    let mut sim = held();
    sim.command(Command::Pause { by: None, reason: None, freezes: true });
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    assert!(sim.state.has_not_begun(), "it is resumed, and its turn has not come");
    sim.command(Command::Cancel { by: None, reason: None });
    assert_eq!(sim.state.status(), Status::Cancelled);
}

#[test]
fn its_deadline_ends_it_in_the_line_too() {
    let mut sim = held();
    sim.now = Timestamp(START.0 + 3_600_000);
    sim.command(Command::TakeUp);
    assert_eq!(sim.state.error().map(|error| error.code.as_str()), Some("DEADLINE"));
}
