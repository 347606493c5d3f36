//! What is loaded before the first step.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_engine::machine::{
    Command, EffectOutcome, EffectRequest, ErrorClass, Event, Loads, Refused, Signal, State, Status, apply, taken_over,
};

use crate::sim::{Sim, call};

fn accept(load: Value, steps: Value, payload: Value) -> Sim {
    Sim::accept_json(&json!({ "workflow_id": "test", "context": { "load": load }, "steps": steps }), payload)
}

fn start(load: Value, steps: Value, payload: Value) -> Sim {
    let mut sim = accept(load, steps, payload);
    sim.command(Command::TakeUp);
    sim
}

fn end() -> Value {
    json!([{ "id": "end", "type": "end" }])
}

fn loads(sim: &Sim) -> &Loads {
    match &sim.effects[0].request {
        EffectRequest::Load(loads) => loads,
        other => panic!("{other:?} left"),
    }
}

fn came(resources: Value) -> EffectOutcome {
    EffectOutcome::Succeeded { output: json!({ "resources": resources }) }
}

#[test]
fn everything_is_fetched_at_once_and_the_flow_begins_with_it() {
    let load = json!(["customer.profile", { "name": "details", "as": "order.details", "loader": "http", "service": "shop",
        "path": "/orders/{{ order.id }}", "params": { "id": "{{ order.id }}" }, "cache_ttl": "5m" }]);
    let steps = json!([
        { "id": "set", "type": "set", "set": { "text": "{{ order.total }} {{ customer.tier }} {{ vars.limit }} {{ integrations.crm.name }}" } },
    ]);
    let mut sim = start(load, steps, json!({ "order": { "id": 7 }, "vars": { "limit": 1 } }));
    assert_eq!(sim.timeline()[1..], ["started at $context", "$context#1 execute", "$context#1.0 load_context left"]);
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(30));
    let asked = loads(&sim);
    assert_eq!(
        (asked.variables.as_slice(), asked.integrations.as_slice()),
        (&["limit".to_owned()][..], &["crm".to_owned()][..])
    );
    assert_eq!(
        asked.context,
        json!({ "order": { "id": 7 } }),
        "what the payload calls `vars` is not the organization's"
    );
    let [profile, details] = asked.resources.as_slice() else { panic!("{asked:?}") };
    assert_eq!((profile.name.as_str(), profile.is_optional, &profile.source), ("customer.profile", true, &None));
    let source = details.source.as_ref().unwrap();
    assert_eq!(
        (details.is_optional, source.path.as_deref(), &source.params),
        (false, Some("/orders/7"), &json!({ "id": 7 }))
    );
    assert_eq!(source.cache_ttl, Some(Duration::from_mins(5)));
    sim.finish(EffectOutcome::Succeeded {
        output: json!({
            "resources": { "customer.profile": { "tier": "gold" }, "details": { "total": 5, "id": 8 } },
            "variables": { "limit": 50, "not_asked": 1 }, "integrations": { "crm": { "name": "CRM" } },
        }),
    });
    assert_eq!(
        sim.timeline()[4..12],
        [
            "$context#1.0 ok",
            r#"set vars = {"limit":50}"#,
            r#"set integrations = {"crm":{"name":"CRM"}}"#,
            r#"set customer.profile = {"tier":"gold"}"#,
            r#"set order.details = {"id":8,"total":5}"#,
            r#"set customer.tier = "gold""#,
            "set order.total = 5",
            "$context ok -> set",
        ]
    );
    let context = sim.context();
    assert_eq!((&context["text"], &context["order"]["id"]), (&json!("5 gold 50 CRM"), &json!(7)));
    assert!(context["steps"].get("$context").is_none(), "it is no step of the definition");
    let output = sim.trace().step("$context").unwrap().output.clone().unwrap();
    assert_eq!(
        output,
        json!({ "resources": ["customer.profile", "details"], "variables": ["limit"], "integrations": ["crm"], "absent": [] })
    );
}

#[test]
fn what_loads_nothing_begins_as_ever() {
    let sim = Sim::start(json!([{ "id": "set", "type": "set", "set": { "a": "{{ n }}" } }]), json!({}));
    assert_eq!(sim.timeline()[1], "started at set");
    let load = json!(["order.details", { "name": "stock", "loader": "redis", "key": "s" }]);
    let sim = start(load, end(), json!({ "order": { "details": null }, "stock": 3 }));
    assert_eq!(sim.timeline()[1], "started at end", "the payload has all of it");
}

#[test]
fn what_the_payload_has_is_kept_and_parents_come_before_what_lies_below() {
    let load = json!(["order.details.lines", "order.details", "order.id"]);
    let mut sim = start(load, end(), json!({ "order": { "id": 7, "total": 1 } }));
    let names: Vec<&str> = loads(&sim).resources.iter().map(|load| load.name.as_str()).collect();
    assert_eq!(names, ["order.details.lines", "order.details"]);
    sim.finish(came(
        json!({ "order.details": { "id": 8, "total": 2, "due": "now", "odd.key": 1 }, "order.details.lines": [1] }),
    ));
    assert_eq!(
        sim.context()["order"],
        json!({ "id": 7, "total": 1, "due": "now", "details": { "id": 8, "total": 2, "due": "now", "odd.key": 1, "lines": [1] } })
    );
}

#[test]
fn what_cannot_be_stored_is_told() {
    let load =
        |optional: bool| json!([{ "name": "order.details", "loader": "redis", "key": "k", "optional": optional }]);
    let mut sim = start(load(true), end(), json!({ "order": [1] }));
    assert!(loads(&sim).resources.is_empty());
    sim.finish(came(json!({})));
    let told = "the resource `order.details` is absent: the resource `order.details` cannot be stored at `order.details`: `order` is no object";
    assert_eq!(sim.trace().warnings, [(String::new(), told.to_owned())]);
    assert_eq!(sim.state.status(), Status::Completed);
    let sim = start(load(false), end(), json!({ "order": "o-1" }));
    assert_eq!(sim.timeline().last().unwrap(), "failed INVALID_PATH at $context");
}

#[test]
fn a_large_resource_is_cut_and_its_fields_are_not_spread() {
    let mut sim = start(json!(["order.details"]), end(), json!({}));
    sim.finish(came(json!({ "order.details": { "text": "x".repeat(300 * 1024) } })));
    let order = &sim.context()["order"];
    assert_eq!((&order["details"]["$truncated"], order.get("bytes")), (&json!(true), None));
    let mut sim = start(json!(["order.details"]), end(), json!({}));
    let many: serde_json::Map<String, Value> = (0..1_001).map(|number| (format!("f{number}"), json!(number))).collect();
    sim.finish(came(json!({ "order.details": many })));
    assert_eq!(sim.context()["order"].as_object().unwrap().len(), 1);
    assert!(sim.trace().warnings[0].1.contains("has 1001 fields, which are too many"));
}

#[test]
fn a_required_resource_that_is_not_there_fails_the_execution_and_a_retry_loads_anew() {
    let load = json!([{ "name": "stock", "loader": "redis", "key": "s" }]);
    let mut sim = start(load, json!([call("first", json!({}))]), json!({}));
    let key = sim.effects[0].key.clone();
    sim.finish(came(json!({})));
    assert_eq!(sim.timeline()[4..6], ["$context#1.0 RESOURCE_NOT_FOUND", "$context failed RESOURCE_NOT_FOUND"]);
    assert_eq!((sim.state.status(), sim.state.failed_step()), (Status::Failed, Some("$context")));
    assert_eq!(sim.command(Command::Retry { by: None, reason: None, hold: false }), ["retried"]);
    sim.crash();
    sim.command(Command::TakeUp);
    assert_ne!(sim.effects[0].key, key, "another passage");
    sim.finish(came(json!({ "stock": 3 })));
    assert_eq!(sim.effects[0].id.step, "first");
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    assert_eq!(sim.command(Command::Retry { by: None, reason: None, hold: false }), ["retried -> first"]);
    assert_eq!(sim.command(Command::TakeUp)[0], "started at first", "it is loaded once");
    assert_eq!(sim.context()["stock"], 3);
}

#[test]
fn a_system_that_is_away_is_asked_three_times_also_after_a_crash() {
    let load = json!([{ "name": "stock", "loader": "redis", "key": "s" }]);
    let mut sim = start(load, end(), json!({}));
    let key = sim.effects[0].key.clone();
    sim.fail("RESOURCE_UNAVAILABLE", ErrorClass::Connection);
    sim.crash();
    sim.wake_after(1_000);
    let before = sim.effects.clone();
    sim.crash();
    assert_eq!(sim.effects, before, "a crash asks again for the same");
    sim.fail("RESOURCE_UNAVAILABLE", ErrorClass::Connection);
    sim.wake_after(2_000);
    assert_eq!((sim.effects[0].id.attempt, &sim.effects[0].key), (3, &key));
    sim.fail("RESOURCE_UNAVAILABLE", ErrorClass::Connection);
    assert_eq!(sim.timeline().last().unwrap(), "failed RESOURCE_UNAVAILABLE at $context");
}

#[test]
fn somebody_can_let_it_go_on_without() {
    let load = json!([{ "name": "stock", "loader": "redis", "key": "s" }]);
    let mut sim = start(load, json!([call("first", json!({}))]), json!({}));
    let skip = || Command::SkipStep { by: None, reason: None, path: "$context".to_owned(), output: Value::Null };
    assert_eq!(sim.try_command(skip()), Err(Refused::StillUnderWay));
    sim.fail("RESOURCE_UNAVAILABLE", ErrorClass::Connection);
    assert_eq!(sim.command(skip())[..2], ["resumed", "$context left out -> first"]);
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    sim.command(Command::Retry { by: None, reason: None, hold: false });
    assert_eq!(sim.command(Command::TakeUp)[0], "started at first", "nobody asks for it again");
}

fn pause() -> Command {
    Command::Pause { by: None, reason: None, freezes: true }
}

fn resume(at_step: Option<&str>) -> Command {
    Command::Resume { by: None, data: None, at_step: at_step.map(str::to_owned) }
}

#[test]
fn a_pause_lets_what_is_being_loaded_come_and_begins_no_step() {
    let mut sim = start(
        json!(["stock"]),
        json!([call("first", json!({ "next": "second" })), call("second", json!({}))]),
        json!({}),
    );
    sim.command(pause());
    assert_eq!(sim.try_command(resume(Some("second"))), Err(Refused::StillUnderWay));
    sim.finish(came(json!({ "stock": 3 })));
    assert_eq!((sim.state.status(), sim.effects.len()), (Status::Paused, 0));
    sim.crash();
    sim.command(resume(None));
    assert_eq!(sim.effects[0].id.step, "first");
}

#[test]
fn what_goes_on_elsewhere_is_loaded_before() {
    let steps = || json!([call("first", json!({ "next": "second" })), call("second", json!({}))]);
    let mut sim = start(json!(["stock"]), steps(), json!({}));
    sim.command(pause());
    sim.fail("RESOURCE_UNAVAILABLE", ErrorClass::Connection);
    assert_eq!(sim.try_command(resume(Some("$context"))), Err(Refused::UnknownStep("$context".to_owned())));
    sim.command(resume(Some("second")));
    sim.wake_after(1_000);
    assert!(matches!(sim.effects[0].request, EffectRequest::Load(_)));
    sim.finish(came(json!({ "stock": 3 })));
    assert_eq!(sim.effects[0].id.step, "second");
    // Before it has begun too.
    let mut sim = accept(json!(["stock"]), steps(), json!({}));
    sim.command(pause());
    sim.command(Command::TakeUp);
    sim.command(resume(Some("second")));
    assert_eq!(sim.effects[0].id.step, "$context");
    sim.finish(came(json!({})));
    assert_eq!(sim.effects[0].id.step, "second");
    // And when it fails meanwhile.
    sim.fail("HTTP_STATUS", ErrorClass::Http(404));
    assert_eq!(sim.command(Command::Retry { by: None, reason: None, hold: false }), ["retried -> second"]);
}

fn repeating(old: &Sim, step: &str) -> Sim {
    let found = taken_over(&old.journal, "exe_0", step, Value::Null, old.now);
    let mut definition = json!({ "workflow_id": "test", "context": { "load": ["stock"] },
        "steps": [call("first", json!({ "next": "second" })), call("second", json!({}))] });
    definition["steps"][1]["execute"][0]["body"] = json!("{{ vars.limit }}");
    let mut sim = Sim::accept_json(&definition, json!({}));
    apply(&mut sim.state, &found);
    sim.journal.push(found);
    sim.command(Command::TakeUp);
    sim
}

#[test]
fn what_repeats_another_has_what_that_one_loaded_and_loads_what_is_missing() {
    let steps = json!([call("first", json!({ "next": "second" })), { "id": "second", "type": "set", "set": { "a": "{{ vars.limit }}" } }]);
    let mut old = start(json!(["stock"]), steps, json!({}));
    let none = repeating(&old, "second");
    assert_eq!(none.effects[0].id.step, "$context", "that one had loaded nothing yet");
    let output = json!({ "resources": { "stock": 3 }, "variables": { "limit": 5 } });
    old.finish(EffectOutcome::Succeeded { output });
    let sim = repeating(&old, "second");
    assert_eq!(sim.effects[0].id.step, "second");
    assert_eq!((&sim.context()["stock"], &sim.context()["vars"]["limit"]), (&json!(3), &json!(5)));
    let mut other = start(json!(["stock"]), json!([call("first", json!({}))]), json!({}));
    other.finish(came(json!({ "stock": 4 })));
    let mut sim = repeating(&other, "second");
    let asked = loads(&sim);
    assert_eq!((asked.variables.len(), asked.resources.len()), (1, 0), "the other version did not read it");
    sim.finish(EffectOutcome::Succeeded { output: json!({ "variables": { "limit": 9 } }) });
    assert_eq!(sim.effects[0].id.step, "second");
    assert_eq!((&sim.context()["stock"], &sim.context()["vars"]["limit"]), (&json!(4), &json!(9)));
}

#[test]
fn what_was_loaded_stays_whatever_comes_from_outside() {
    let steps = json!([
        { "id": "wait", "type": "wait", "wait": { "event": "a.b", "timeout": "1h" }, "next": "read" },
        { "id": "read", "type": "set", "set": { "limit": "{{ vars.limit }}", "n": "{{ n }}" } },
    ]);
    let mut sim = start(json!([]), steps, json!({}));
    sim.finish(EffectOutcome::Succeeded { output: json!({ "variables": { "limit": 5 } }) });
    let payload = json!({ "vars": { "limit": 999 }, "n": 1 });
    sim.command(Command::Signal(Signal::Event { id: "e".to_owned(), event: "a.b".to_owned(), payload, at: None }));
    assert_eq!((&sim.context()["limit"], &sim.context()["n"]), (&json!(5), &json!(1)));
    let trace = sim.trace();
    assert_eq!(trace.steps.iter().map(|step| step.path.as_str()).collect::<Vec<_>>(), ["$context", "wait", "read"]);
}

#[test]
fn a_variable_that_is_not_there_is_missing() {
    let steps =
        json!([{ "id": "set", "type": "condition", "condition": { "field": "vars.limit", "operator": "exists" } }]);
    let mut sim = start(json!([]), steps, json!({ "vars": { "limit": 1 } }));
    let absent = json!([{ "name": "vars.limit", "reason": "there is none" }, { "name": "vars.other", "reason": "?" }]);
    sim.finish(EffectOutcome::Succeeded { output: json!({ "absent": absent }) });
    assert_eq!(sim.context()["steps"]["set"]["output"]["result"], false);
    assert_eq!(sim.trace().warnings[0].1, "`vars.limit` is absent: there is none");
}

#[test]
fn an_answer_that_makes_no_sense_loads_nothing() {
    for output in [json!(null), json!("text"), json!({ "resources": [1], "absent": "all", "variables": 5 })] {
        let steps = json!([{ "id": "set", "type": "set", "set": { "a": "{{ vars.limit }}" } }]);
        let mut sim = start(json!(["stock"]), steps, json!({}));
        sim.finish(EffectOutcome::Succeeded { output });
        assert_eq!(sim.state.status(), Status::Completed);
        assert_eq!(sim.trace().warnings[0].1, "the resource `stock` is absent: there is none");
    }
}

#[test]
fn the_stored_state_of_before_knows_of_no_loading() {
    let mut sim = start(json!(["stock"]), json!([call("first", json!({}))]), json!({}));
    sim.finish(came(json!({ "stock": 3 })));
    let mut stored = serde_json::to_value(&sim.state).unwrap();
    assert_eq!(stored["loaded"]["status"], "succeeded");
    stored.as_object_mut().unwrap().remove("loaded");
    assert!(serde_json::from_value::<State>(stored).is_ok());
    let old = json!({ "type": "taken_over", "execution": "exe_0", "step": "first", "at": 0 });
    assert!(matches!(serde_json::from_value(old).unwrap(), Event::TakenOver { loaded: None, .. }));
}

#[test]
fn what_finds_no_room_is_cut_by_itself_and_told() {
    let names: Vec<String> = (0..17).map(|number| format!("v{number:02}")).collect();
    let set: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!(format!("{{{{ vars.{name} is defined }}}}")))).collect();
    let mut sim = start(json!([]), json!([{ "id": "set", "type": "set", "set": set }]), json!({}));
    let large = "x".repeat(250 * 1024);
    let variables: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), json!(large))).collect();
    sim.finish(EffectOutcome::Succeeded { output: json!({ "variables": variables }) });
    let vars = &sim.context()["vars"];
    assert!(vars["v00"].is_string() && vars["v15"].is_string(), "one that is too large takes no other with it");
    assert_eq!(vars["v16"], json!({ "$truncated": true }));
    let told = "`vars.v16` was cut: everything that is loaded has 4 MiB at most";
    assert_eq!(sim.trace().warnings, [(String::new(), told.to_owned())]);
}

#[test]
fn where_nothing_of_the_organization_is_named_the_payload_is_read() {
    let payload = || json!({ "vars": { "limit": 1 }, "integrations": ["mine"] });
    let steps = |a: &str| json!([{ "id": "set", "type": "set", "set": { "a": a, "b": "{{ integrations }}" } }]);
    let sim = Sim::start(steps("{{ vars }}"), payload());
    assert_eq!(sim.timeline()[1], "started at set");
    assert_eq!((&sim.context()["a"], &sim.context()["b"]), (&json!({ "limit": 1 }), &json!(["mine"])));
    let mut sim = Sim::start(steps("{{ vars.limit }}"), payload());
    sim.finish(EffectOutcome::Succeeded { output: json!({ "variables": {} }) });
    assert_eq!((&sim.context()["a"], &sim.context()["b"]), (&Value::Null, &json!(["mine"])));
}
