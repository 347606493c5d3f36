//! What comes from outside while an execution lives.

use serde_json::{Value, json};
use sluice_engine::machine::{Command, Signal};

use crate::world::{World, depth, nested};

fn event(payload: Value) -> Command {
    Command::Signal(Signal::Event { id: "evt".to_owned(), event: "x".to_owned(), payload, at: None })
}

fn wait_and_keep() -> Value {
    json!([{ "id": "w", "type": "wait", "wait": { "event": "x", "timeout": "1h" }, "next": "end", "save_as": "kept" },
        { "id": "end", "type": "wait", "wait": { "for": "1h" } }])
}

fn call_and_keep() -> Value {
    json!([{ "id": "get", "type": "execute", "save_as": vec!["a"; 32].join("."), "next": "end",
            "execute": [{ "type": "http_request", "url": "https://example.org/{{ x }}" }] },
        { "id": "end", "type": "wait", "wait": { "for": "1h" } }])
}

#[test]
fn what_is_nested_too_deep_is_cut_so_that_the_stored_state_stays_readable() {
    // `World::command` reads the state again after each command.
    let mut world = World::checked(call_and_keep(), json!({ "x": 1 }));
    world.answer(nested(126));
    let mut world = World::checked(wait_and_keep(), json!({ "x": nested(120) }));
    world.command(event(json!({ "deep": nested(126), "flat": 1 })));
    let state = serde_json::to_value(&world.state).unwrap();
    assert_eq!(state["written"]["values"]["flat"], 1, "the rest is there");
    assert_eq!(depth(&state["written"]["values"]["deep"]), 63);
    let text = state["written"]["values"]["deep"].to_string();
    assert!(text.contains("$truncated"));
    let mut world = World::checked(wait_and_keep(), json!({}));
    world.command(Command::Pause { by: None, reason: None, freezes: true });
    world.command(Command::Resume { by: None, data: Some(json!({ "deep": nested(126) })), at_step: None });
}

#[test]
fn large_answers_and_events_are_stored_up_to_a_bound() {
    let large = json!({ "text": "x".repeat(1_000_000), "n": 1 });
    let mut world = World::checked(call_and_keep(), json!({ "x": "y".repeat(1_000_000) }));
    world.answer(large);
    assert!(world.largest_state < 20_000, "{}", world.largest_state);
    let long_key = json!({ "k".repeat(100_000): (0..5_000).map(|n| (n.to_string(), json!(n))).collect::<Value>() });
    let mut world = World::checked(wait_and_keep(), json!({}));
    world.command(event(long_key));
    assert!(world.largest_state < 600_000, "a long key stands once around its values: {}", world.largest_state);
}

#[test]
fn odd_names_and_characters_are_data() {
    let odd = json!({ "__proto__": { "a": 1 }, "steps": { "w": "forged" }, "": { "": "" }, "a.b": 1, "\0": "\0", "\u{202e}": 1,
        "e\u{301}": 1, "item": 1, "now": "forged", "secrets": { "s": 1 }, "constructor": null, "n": -0.0, "m": 1e308 });
    let steps = json!([{ "id": "w", "type": "wait", "wait": { "event": "x", "timeout": "1h" }, "next": "s" },
        { "id": "s", "type": "set", "set": { "seen": ["{{ steps.w.status }}", "{{ now }}", "{{ __proto__.a }}"] } }]);
    let mut world = World::checked(steps, odd.clone());
    world.command(event(odd));
    assert_eq!((world.error(), world.state.has_ended()), (None, true));
    let state = serde_json::to_value(&world.state).unwrap();
    let seen = &state["written"]["values"]["seen"];
    assert_eq!(seen[0], "succeeded", "a payload cannot stand for the engine's own roots");
    assert!(seen[1].as_str().unwrap().starts_with("2026-"));
    assert_eq!(seen[2], 1);
}

#[test]
fn a_payload_that_is_no_object_has_no_fields() {
    for payload in [json!(null), json!(5), json!("text"), json!([1]), nested(120)] {
        let steps = json!([{ "id": "s", "type": "set", "set": { "a": "{{ order.total }}", "b": "{{ event }}" } }]);
        let world = World::checked(steps, payload.clone());
        assert!(world.state.has_ended(), "{payload}");
    }
}

#[test]
fn times_beyond_the_calendar_wait_for_ever_and_do_not_overflow() {
    for until in [
        json!(i64::MAX),
        json!(i64::MIN),
        json!("now+36600d"),
        json!("+262142-12-31T23:59:59Z"),
        json!(1e300),
        json!("x"),
    ] {
        let steps = json!([{ "id": "w", "type": "wait", "wait": { "until": "{{ at }}" } }]);
        let mut world = World::checked(steps, json!({ "at": until }));
        if !world.state.has_ended() {
            world.now.0 = i64::MAX;
            world.command(Command::Wake);
        }
        assert!(
            world.error().is_none_or(|code| matches!(code, "INVALID_WAIT" | "EXECUTION_TIMEOUT")),
            "{until}: {:?}",
            world.error()
        );
    }
}
