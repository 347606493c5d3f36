//! Executions that go on with another version of their workflow.

use serde_json::{Value, json};
use sluice_engine::check::{Offline, check};
use sluice_engine::definition::{Format, resume_when};
use sluice_engine::machine::{Command, Event, Signal, Status, Versions, obstacles, violations};
use sluice_engine::plan::{Plan, Settings};

use crate::sim::Sim;

const HOUR: i64 = 3_600_000;

fn canonical(definition: &Value) -> Value {
    let checked = check(&definition.to_string(), Format::Json, &Offline);
    checked.canonical.unwrap_or_else(|| panic!("{:#?}", checked.problems))
}

fn plan(definition: &Value) -> Plan {
    let checked = check(&definition.to_string(), Format::Json, &Offline);
    let definition = checked.definition.unwrap_or_else(|| panic!("{:#?}", checked.problems));
    Plan::new(definition, Settings { default_timeout: std::time::Duration::from_mins(5) }).unwrap()
}

fn flow(steps: &Value) -> Value {
    json!({ "workflow_id": "test", "steps": steps })
}

/// What stands in the way of going on with `to`.
fn held(sim: &Sim, from: &Value, to: &Value) -> Vec<String> {
    let (from, plan, to) = (canonical(from), plan(to), canonical(to));
    let versions = Versions { from: &from, to: &to, plan: &plan, number: 4 };
    let found = obstacles(&versions, &sim.origin, &sim.state, sim.now);
    found.into_iter().map(|one| format!("{}: {}", one.path.as_deref().unwrap_or("-"), one.reason)).collect()
}

/// Goes on with `to`, and looks whether everything that always holds still does.
fn go(sim: &mut Sim, to: &Value) {
    let moved = Event::Moved { from: 3, to: 4, by: None, reason: None, at: sim.now };
    sluice_engine::machine::apply(&mut sim.state, &moved);
    sim.journal.push(moved);
    sim.plan = plan(to);
    sim.origin.version = 4;
    let violations = violations(&sim.plan, &sim.origin, &sim.journal, &sim.state, false);
    assert!(violations.is_empty(), "{violations:#?}");
}

fn event(name: &str) -> Command {
    Command::Signal(Signal::Event {
        id: "evt_1".to_owned(),
        event: name.to_owned(),
        payload: json!({ "paid": 5 }),
        at: None,
    })
}

fn waits(event: &str, next: &str) -> Value {
    json!({ "id": "rest", "type": "wait", "wait": { "event": event }, "next": next })
}

fn allow(id: &str, reason: &str) -> Value {
    json!({ "id": id, "type": "action", "action": { "type": "allow", "reason": reason } })
}

#[test]
fn what_waits_goes_on_with_the_steps_of_the_other_version() {
    let from = flow(&json!([waits("order.paid", "done"), allow("done", "old")]));
    let to = flow(
        &json!([waits("order.paid", "noted"), { "id": "noted", "type": "set", "set": { "n": 1 }, "next": "done" },
        allow("done", "new {{ paid }} {{ n }}")]),
    );
    let mut sim = Sim::start_definition(&from, json!({}));
    assert_eq!(sim.state.status(), Status::Waiting);
    assert_eq!(held(&sim, &from, &to), [""; 0]);
    go(&mut sim, &to);
    sim.command(event("order.paid"));
    assert_eq!(sim.state.status(), Status::Completed);
    assert_eq!(sim.state.decision().unwrap().reason.as_deref(), Some("new 5 1"));
}

#[test]
fn each_thing_that_is_otherwise_where_it_stands_holds_it() {
    let from = flow(&json!([waits("order.paid", "done"), allow("done", "old")]));
    let sim = Sim::start_definition(&from, json!({ "a": 1 }));
    let to = |rest: Value| flow(&json!([rest, allow("done", "old")]));
    let cases = [
        (flow(&json!([allow("done", "x")])), "rest: it stands at step `rest`, which version 4 has not"),
        (
            to(json!({ "id": "rest", "type": "set", "set": { "n": 1 }, "next": "done" })),
            "rest: step `rest` is of type `wait`, and in version 4 `set`",
        ),
        (
            to(waits("order.shipped", "done")),
            "rest: step `rest` waits for `order.paid`, and in version 4 for `order.shipped`",
        ),
        (
            to(json!({ "id": "rest", "type": "wait", "wait": { "for": "1h" }, "next": "done" })),
            "rest: step `rest` waits for `order.paid`, and in version 4 for a time",
        ),
        (
            to(
                json!({ "id": "rest", "type": "wait", "wait": { "event": "order.paid", "match": ["a"] }, "next": "done" }),
            ),
            "rest: step `rest` waits for `order.paid`, which is matched otherwise in version 4",
        ),
    ];
    for (to, expected) in cases {
        assert_eq!(held(&sim, &from, &to), [expected]);
    }
    let with = |key: &str, value: Value| {
        let mut to = from.clone();
        to[key] = value;
        held(&sim, &from, &to)
    };
    assert_eq!(
        with("concurrency", json!({ "key": "a", "limit": 1 })),
        ["-: it has or awaits a slot by its `concurrency`, which is another one in version 4"]
    );
    let schema = json!({ "type": "object", "required": ["b"], "properties": { "b": {} } });
    let refused = with("input", schema);
    assert!(refused[0].starts_with("-: its input does not fit the input schema of version 4: "), "{refused:?}");
    assert_eq!(with("timeout", json!("1h")), [""; 0]);
}

#[test]
fn a_branch_and_a_list_that_are_under_way_stay_what_they_are() {
    let branches = |second: &Value| {
        flow(&json!([{ "id": "all", "type": "parallel", "next": "done",
            "parallel": { "branches": [[waits("order.paid", "x"), allow("x", "a")], second] } }, allow("done", "b")]))
    };
    let (one, two) = (json!([allow("y", "c")]), json!([allow("y", "d"), allow("z", "e")]));
    let sim = Sim::start_definition(&branches(&one), json!({}));
    assert_eq!(held(&sim, &branches(&one), &branches(&two)), [""; 0]);
    let outside = flow(&json!([{ "id": "all", "type": "parallel", "next": "rest",
        "parallel": { "branches": [[allow("x", "a")], [allow("y", "c")]] } }, waits("order.paid", "done"), allow("done", "b")]));
    assert_eq!(held(&sim, &branches(&one), &outside), ["all.rest: step `rest` stands in another place in version 4"]);
    let list = |items: &str| {
        flow(
            &json!([{ "id": "each", "type": "foreach", "foreach": { "items": items, "steps": [waits("order.paid", "x"),
            allow("x", "a")] } }]),
        )
    };
    let sim = Sim::start_definition(&list("{{ a }}"), json!({ "a": [1, 2], "b": [] }));
    let expected = ["each: step `each` goes through a list, and does so otherwise in version 4"];
    assert_eq!(held(&sim, &list("{{ a }}"), &list("{{ b }}")), expected);
}

#[test]
fn a_call_under_way_holds_it_and_a_call_that_is_tried_again_does_not() {
    let call = |url: &str| {
        flow(
            &json!([{ "id": "call", "type": "execute", "retry": { "max_attempts": 3, "delay": "10s", "jitter": false },
            "execute": [{ "type": "http_request", "url": url }], "next": "done" }, allow("done", "a")]),
        )
    };
    let (from, to) = (call("https://old.example"), call("https://new.example"));
    let mut sim = Sim::start_definition(&from, json!({}));
    assert_eq!(held(&sim, &from, &to), ["-: it is at work, or about to be; it can move when it rests, so pause it"]);
    sim.fail("CONNECTION_FAILED", sluice_engine::machine::ErrorClass::Connection);
    assert_eq!(sim.state.status(), Status::Waiting);
    assert_eq!(held(&sim, &from, &to), [""; 0]);
    go(&mut sim, &to);
    sim.wake_after(20_000);
    let request = format!("{:?}", sim.effects[0].request);
    assert!(request.contains("https://new.example"), "{request}");
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
    assert_eq!(held(&sim, &from, &to), ["-: it has ended"]);
}

fn pause() -> Command {
    Command::Pause { by: None, reason: None, freezes: true }
}

#[test]
fn a_life_that_was_too_long_before_the_pause_holds_it_although_it_stands_still() {
    let with = |deadline: &str| {
        let mut flow = flow(&json!([waits("order.paid", "done"), allow("done", "a")]));
        flow["deadline"] = json!(deadline);
        flow
    };
    let (from, to) = (with("5h"), with("1h"));
    let mut sim = Sim::start_definition(&from, json!({}));
    sim.now.0 += HOUR / 2;
    sim.command(pause());
    sim.now.0 += 9 * HOUR;
    assert_eq!(held(&sim, &from, &to), [""; 0], "the pause does not count");
    sim.command(Command::Resume { by: None, data: None, at_step: None });
    sim.now.0 += HOUR / 2;
    sim.command(pause());
    for _later in 0..2 {
        assert_eq!(held(&sim, &from, &to), ["-: it has lived longer than the `deadline` of version 4 allows"]);
        sim.now.0 += HOUR;
    }
}

#[test]
fn a_rule_by_which_its_pause_ends_is_there_too_or_holds_it() {
    let large =
        json!({ "id": "large", "type": "condition", "rule_id": "is-large", "on_true": "done", "on_false": "no" });
    let from = flow(&json!([waits("order.paid", "large"), large, allow("done", "a"), allow("no", "b")]));
    let to = flow(&json!([waits("order.paid", "done"), allow("done", "c")]));
    let mut sim = Sim::start_definition(&from, json!({}));
    sim.command(pause());
    assert_eq!(held(&sim, &from, &to), [""; 0]);
    let ends = |rule: &str| {
        let when = resume_when("truck.came", None, Some(&json!({ "rule_id": rule }))).unwrap();
        Command::ScheduleResume { by: None, due_at: None, when: Some(Box::new(when)), data: None, at_step: None }
    };
    sim.command(ends("is-large"));
    let expected = ["-: its pause ends by rule `is-large`, which version 4 does not name"];
    assert_eq!(held(&sim, &from, &to), expected);
    assert_eq!(held(&sim, &from, &from), [""; 0]);
    sim.command(Command::ScheduleResume { by: None, due_at: None, when: None, data: None, at_step: None });
    assert_eq!(held(&sim, &from, &to), [""; 0]);
}

#[test]
fn a_length_of_time_that_runs_does_not_become_a_moment() {
    let rest = |wait: Value| {
        flow(&json!([{ "id": "rest", "type": "wait", "wait": wait, "next": "done" }, allow("done", "a")]))
    };
    let (length, moment) = (rest(json!({ "for": "1h" })), rest(json!({ "until": "2030-01-01T00:00:00Z" })));
    let sim = Sim::start_definition(&length, json!({}));
    let expected = ["rest: step `rest` waits for a length of time, and in version 4 until a moment"];
    assert_eq!(held(&sim, &length, &moment), expected);
    assert_eq!(held(&sim, &length, &rest(json!({ "for": "2h" }))), [""; 0]);
    let sim = Sim::start_definition(&moment, json!({}));
    let expected = ["rest: step `rest` waits until a moment, and in version 4 for a length of time"];
    assert_eq!(held(&sim, &moment, &length), expected);
    assert_eq!(held(&sim, &moment, &rest(json!({ "until": "2031-01-01T00:00:00Z" }))), [""; 0]);
    let event = flow(&json!([waits("order.paid", "done"), allow("done", "a")]));
    let expected = ["rest: step `rest` waits for a time, and in version 4 for an event"];
    assert_eq!(held(&sim, &moment, &event), expected);
}

#[test]
fn what_was_not_loaded_at_the_beginning_is_not_read_later() {
    let rest = || waits("order.paid", "end");
    let (old, new) =
        (flow(&json!([rest(), allow("end", "{{ n }}")])), flow(&json!([rest(), allow("end", "{{ vars.limit }}")])));
    let sim = Sim::start_definition(&old, json!({}));
    assert_eq!(held(&sim, &old, &new), ["-: version 4 reads the variable `limit`, which was not loaded when it began"]);
    let mut sim = Sim::start_definition(&new, json!({}));
    sim.fail("RESOURCE_UNAVAILABLE", sluice_engine::machine::ErrorClass::Connection);
    assert_eq!(held(&sim, &new, &old), ["$context: it is about to load what it reads, and version 4 loads nothing"]);
    let mut other = new.clone();
    other["context"] = json!({ "load": ["stock"] });
    assert!(held(&sim, &new, &other).is_empty());
    go(&mut sim, &other);
    sim.wake_after(1_000);
    sim.finish(sluice_engine::machine::EffectOutcome::Succeeded {
        output: json!({ "resources": { "stock": 3 }, "variables": { "limit": 5 } }),
    });
    assert!(held(&sim, &other, &new).is_empty(), "all of it was loaded");
    sim.command(event("order.paid"));
    assert_eq!((sim.state.status(), &sim.context()["stock"]), (Status::Completed, &json!(3)));
}
