//! Where the flow goes: order, branches, skipped steps, decisions, ends.

use serde_json::{Value, json};
use sluice_engine::machine::{Outcome, Status, StepStatus};

use crate::sim::Sim;

#[test]
fn steps_run_along_next_and_not_in_listed_order() {
    let sim = Sim::start(
        json!([
            { "id": "first", "type": "set", "set": { "a": 1 }, "next": "last" },
            { "id": "middle", "type": "set", "set": { "a": "{{ a + 1 }}" } },
            { "id": "last", "type": "set", "set": { "a": "{{ a + 10 }}" }, "next": "middle" },
        ]),
        json!({}),
    );
    assert_eq!(
        sim.timeline(),
        [
            "accepted",
            "started at first",
            "first#1 set",
            "set a = 1",
            "first ok -> last",
            "last#1 set",
            "set a = 11",
            "last ok -> middle",
            "middle#1 set",
            "set a = 12",
            "middle ok",
            "completed Executed",
        ]
    );
    assert_eq!(sim.state.status(), Status::Completed);
}

fn threshold() -> Value {
    json!([
        { "id": "check", "type": "condition", "on_true": "stop", "on_false": "go",
          "condition": { "and": [
              { "field": "order.country", "operator": "exists" },
              { "field": "order.total", "operator": "gte", "value": 100 } ] } },
        { "id": "stop", "type": "action", "action": { "type": "block", "reason": "{{ order.total }} is too much" } },
        { "id": "go", "type": "action", "action": { "type": "allow" } },
    ])
}

#[test]
fn a_condition_takes_the_branch_of_its_outcome_and_says_why() {
    let blocked = Sim::start(threshold(), json!({ "order": { "total": 250, "country": "NL" } }));
    assert_eq!(
        blocked.timeline()[2..],
        [
            "check#1 condition",
            "check ok -> stop",
            "stop#1 action",
            "decided Blocked: 250 is too much",
            "stop ok",
            "completed Blocked",
        ]
    );
    let trace = blocked.trace();
    let check = trace.step("check").unwrap();
    let branch = check.branch.as_ref().unwrap();
    assert_eq!(branch.to.as_deref(), Some("stop"));
    assert_eq!(branch.why[0].deciding_leaf().field.as_deref(), Some("order.total"));
    assert_eq!(branch.why[0].deciding_leaf().left, Some(json!(250)));
    assert_eq!(check.output.as_ref().unwrap()["result"], true);

    let allowed = Sim::start(threshold(), json!({ "order": { "total": 99.5, "country": "NL" } }));
    assert_eq!(allowed.timeline()[3..5], ["check ok -> go", "go#1 action"]);
    assert_eq!(allowed.state.result(), Some(Outcome::Allowed));
}

#[test]
fn a_missing_field_makes_a_comparison_false_and_leaves_a_warning() {
    let sim = Sim::start(threshold(), json!({ "order": { "country": "NL" } }));
    let timeline = sim.timeline();
    assert!(timeline[3].starts_with("warning: ") && timeline[3].contains("order.total"), "{timeline:?}");
    assert_eq!(timeline[4], "check ok -> go");
    assert_eq!(sim.trace().warnings[0].0, "check");
}

#[test]
fn with_missing_fields_error_a_missing_field_fails_the_step() {
    let definition = json!({ "workflow_id": "test", "missing_fields": "error", "steps": threshold() });
    let sim = Sim::start_definition(&definition, json!({ "order": { "country": "NL" } }));
    assert_eq!(
        sim.timeline()[2..],
        ["check#1 condition", "check failed FIELD_MISSING", "failed FIELD_MISSING at check"]
    );
}

#[test]
fn a_condition_without_the_target_it_needs_ends_the_flow() {
    let sim = Sim::start(
        json!([
            { "id": "check", "type": "condition", "on_true": "go",
              "condition": { "field": "ok", "operator": "eq", "value": true } },
            { "id": "go", "type": "action", "action": "allow" },
        ]),
        json!({ "ok": false }),
    );
    assert_eq!(sim.timeline()[2..], ["check#1 condition", "check ok", "completed Executed"]);
}

fn tiers() -> Value {
    json!([
        { "id": "tier", "type": "switch", "default": "plain",
          "cases": [
            { "when": { "field": "points", "operator": "gte", "value": 1000 }, "next": "gold" },
            { "when": { "field": "points", "operator": "gte", "value": 100 }, "next": "silver" } ] },
        { "id": "gold", "type": "set", "set": { "tier": "gold" } },
        { "id": "silver", "type": "set", "set": { "tier": "silver" } },
        { "id": "plain", "type": "set", "set": { "tier": "plain" } },
    ])
}

#[test]
fn a_switch_takes_the_first_case_that_holds_or_the_default() {
    for (points, tier, looked_at, case) in
        [(5000, "gold", 1, json!(0)), (100, "silver", 2, json!(1)), (7, "plain", 2, Value::Null)]
    {
        let sim = Sim::start(tiers(), json!({ "points": points }));
        assert_eq!(sim.context()["tier"], tier);
        let trace = sim.trace();
        let step = trace.step("tier").unwrap();
        assert_eq!(step.output.as_ref().unwrap()["case"], case);
        assert_eq!(step.branch.as_ref().unwrap().to.as_deref(), Some(tier));
        assert_eq!(step.branch.as_ref().unwrap().why.len(), looked_at);
    }
}

#[test]
fn a_step_whose_when_is_false_is_skipped_and_the_flow_goes_on_at_next() {
    let steps = json!([
        { "id": "gift", "type": "set", "set": { "gift": true }, "next": "done",
          "when": { "field": "vip", "operator": "eq", "value": true } },
        { "id": "done", "type": "end" },
    ]);
    let skipped = Sim::start(steps.clone(), json!({ "vip": false }));
    assert_eq!(skipped.timeline()[2..], ["gift skipped -> done", "done#1 end", "done ok", "completed Executed"]);
    let trace = skipped.trace();
    let gift = trace.step("gift").unwrap();
    assert_eq!((gift.status, gift.kind.as_str(), gift.attempts.len()), (StepStatus::Skipped, "set", 0));
    assert!(!gift.branch.as_ref().unwrap().why[0].result);
    assert_eq!(skipped.context()["steps"]["gift"]["status"], "skipped");

    let taken = Sim::start(steps, json!({ "vip": true }));
    assert_eq!(taken.context()["gift"], true);
}

#[test]
fn the_last_decision_wins() {
    let sim = Sim::start(
        json!([
            { "id": "one", "type": "action", "action": { "type": "block", "reason": "first" }, "next": "two" },
            { "id": "two", "type": "action", "next": "three",
              "action": { "type": "allow", "reason": "second", "metadata": { "limit": "{{ limit }}" } } },
            { "id": "three", "type": "action", "action": "execute" },
        ]),
        json!({ "limit": 5 }),
    );
    assert_eq!(sim.timeline().last().unwrap(), "completed Allowed");
    let decision = sim.state.decision().unwrap();
    assert_eq!((decision.step.as_str(), decision.reason.as_deref()), ("two", Some("second")));
    assert_eq!(decision.metadata, Some(json!({ "limit": 5 })));
}

#[test]
fn block_without_an_approval_completes_as_blocked() {
    let sim = Sim::start(json!([{ "id": "no", "type": "action", "action": "block", "reason": "no" }]), json!({}));
    assert_eq!((sim.state.status(), sim.state.result()), (Status::Completed, Some(Outcome::Blocked)));
}

#[test]
fn fail_ends_as_failed_with_its_code_and_message_whatever_was_decided() {
    let sim = Sim::start(
        json!([
            { "id": "yes", "type": "action", "action": "allow", "next": "no" },
            { "id": "no", "type": "fail", "code": "OUT_OF_STOCK", "message": "no {{ sku }} left" },
        ]),
        json!({ "sku": "A-1" }),
    );
    assert_eq!(sim.timeline()[5..], ["no#1 fail", "no failed OUT_OF_STOCK", "failed OUT_OF_STOCK at no"]);
    assert_eq!(sim.state.error().unwrap().message, "no A-1 left");
    assert_eq!((sim.state.status(), sim.state.result()), (Status::Failed, Some(Outcome::Failed)));
    assert_eq!(sim.state.failed_step(), Some("no"));
}

#[test]
fn end_ends_now() {
    let sim = Sim::start(
        json!([
            { "id": "check", "type": "condition", "on_true": "stop", "on_false": "work",
              "condition": { "field": "done", "operator": "eq", "value": true } },
            { "id": "stop", "type": "end" },
            { "id": "work", "type": "set", "set": { "worked": true } },
        ]),
        json!({ "done": true }),
    );
    assert_eq!(sim.timeline()[4..], ["stop#1 end", "stop ok", "completed Executed"]);
}

#[test]
fn an_explanation_says_where_each_value_came_from() {
    let sim = Sim::start(
        json!([
            { "id": "prepare", "type": "set", "set": { "limit": 100, "order.checked": true }, "next": "check" },
            { "id": "check", "type": "condition", "on_true": "each", "condition": { "and": [
                { "field": "order.total", "operator": "gte", "value": "{{ limit }}" },
                { "field": "order.checked", "operator": "eq", "value": true },
                { "field": "steps.prepare.status", "operator": "eq", "value": "succeeded" },
                { "not": { "field": "order.coupon", "operator": "eq", "value": "{{ limit + 1 }}" } },
                { "field": "now", "operator": "after", "value": "2020-01-01" } ] } },
            { "id": "each", "type": "foreach", "foreach": { "items": "{{ order.lines }}", "item_var": "line",
              "steps": [
                { "id": "mark", "type": "set", "set": { "mine": "{{ line }}" } },
                { "id": "large", "type": "condition", "condition": { "and": [
                    { "field": "line", "operator": "gt", "value": 5 },
                    { "field": "mine", "operator": "gt", "value": 5 } ] } } ] } },
        ]),
        json!({ "order": { "total": 250, "lines": [9] } }),
    );
    let trace = sim.trace();
    let sources = |path: &str| -> Vec<(String, String)> {
        let why = &trace.step(path).unwrap().branch.as_ref().unwrap().why[0];
        let leaves = why.children.iter().chain(&why.others).map(|leaf| leaf.children.first().unwrap_or(leaf));
        let said = |source: &Option<sluice_engine::expr::Source>| source.as_ref().unwrap().to_string();
        leaves.map(|leaf| (said(&leaf.left_source), said(&leaf.right_source))).collect()
    };
    let pair = |left: &str, right: &str| (left.to_owned(), right.to_owned());
    assert_eq!(
        sources("check"),
        [
            pair("trigger", "written by step `prepare`"),
            pair("written by step `prepare`", "literal"),
            pair("output of step `prepare`", "literal"),
            pair("nowhere", "computed"),
            pair("now", "literal"),
        ]
    );
    assert_eq!(
        sources("each[0].large"),
        [pair("item of loop `each`", "literal"), pair("written by step `each[0].mark`", "literal")]
    );
}

#[test]
fn every_case_of_a_switch_says_what_would_turn_it() {
    let sim = Sim::start(tiers(), json!({ "order": { "total": 60 } }));
    let trace = sim.trace();
    let whys = &trace.steps[0].branch.as_ref().unwrap().why;
    let told: Vec<_> = whys.iter().map(|why| (why.result, why.why_not().is_some())).collect();
    assert!(!told.is_empty() && told.iter().all(|(_, told)| *told), "{whys:#?}");
}

#[test]
fn a_decision_is_explained_by_the_last_condition_on_the_way_to_it() {
    let sim = Sim::start(
        json!([
            { "id": "check", "type": "condition", "on_true": "mark", "on_false": "other",
              "condition": { "field": "total", "operator": "gte", "value": 100 } },
            { "id": "mark", "type": "set", "set": { "a": 1 }, "next": "both" },
            { "id": "both", "type": "parallel", "next": "stop", "parallel": { "branches": [[{ "id": "one", "type": "set", "set": { "b": 1 } }]] } },
            { "id": "stop", "type": "action", "action": { "type": "block" } },
            { "id": "other", "type": "end" },
        ]),
        json!({ "total": 250 }),
    );
    let trace = sim.trace();
    assert_eq!(trace.led_to("stop").unwrap().expression(), "total gte 100");
    assert_eq!(trace.led_to("both.one").unwrap().expression(), "total gte 100");
    assert_eq!(trace.led_to("check"), None);
}
