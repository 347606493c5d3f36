//! Steps that a rule decides, or that write what a rule adds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_engine::machine::Command;
use sluice_engine::plan::PinnedRule;
use sluice_engine::rule::{RuleKind, check};

use crate::sim::Sim;

fn rules() -> BTreeMap<String, PinnedRule> {
    let rule = |slug: &str, kind, definition: Value| {
        (slug.to_owned(), PinnedRule { rule: check(kind, &definition).rule.unwrap(), version: 4 })
    };
    BTreeMap::from([
        rule("large", RuleKind::Condition, json!({ "field": "total", "operator": "gte", "value": 100 })),
        rule(
            "complete",
            RuleKind::Validation,
            json!({ "checks": [{ "condition": { "field": "id", "operator": "exists" }, "message": "no id" }] }),
        ),
        rule(
            "tier",
            RuleKind::Enrichment,
            json!({ "when": { "field": "total", "operator": "gt", "value": 10 },
            "set": { "customer.tier": "gold" } }),
        ),
    ])
}

fn run(payload: Value) -> Sim {
    let steps = json!([
        { "id": "complete", "type": "condition", "rule_id": "complete", "on_true": "tier", "on_false": "refuse" },
        { "id": "tier", "type": "set", "rule_id": "tier", "next": "way" },
        { "id": "way", "type": "switch", "cases": [{ "rule_id": "large", "next": "refuse" }], "default": "accept" },
        { "id": "refuse", "type": "action", "action": { "type": "block", "reason": "{{ steps.complete.output.failures | join(', ') }}" } },
        { "id": "accept", "type": "action", "action": { "type": "allow", "reason": "{{ customer.tier }}" } },
    ]);
    let mut sim = Sim::accept_json(&json!({ "workflow_id": "test", "steps": steps }), payload);
    sim.plan = sim.plan.with_rules(rules());
    sim.command(Command::TakeUp);
    sim
}

#[test]
fn a_validation_decides_a_condition_and_its_failures_can_be_read() {
    let sim = run(json!({ "total": 5 }));
    assert_eq!(
        sim.timeline()[2..],
        [
            "complete#1 condition",
            "complete ok -> refuse",
            "refuse#1 action",
            "decided Blocked: no id",
            "refuse ok",
            "completed Blocked",
        ]
    );
    let output = sim.context()["steps"]["complete"]["output"].take();
    assert_eq!((&output["result"], &output["failures"]), (&json!(false), &json!(["no id"])));
    assert_eq!(output["rule"], json!({ "rule_id": "complete", "version": 4 }));
    assert_eq!(output["explanation"]["op"], "and");
}

#[test]
fn an_enrichment_writes_and_a_rule_decides_a_case() {
    let accepted = run(json!({ "id": "o", "total": 50 }));
    assert!(accepted.timeline().contains(&"set customer.tier = \"gold\"".to_owned()), "{:?}", accepted.timeline());
    assert!(accepted.timeline().contains(&"decided Allowed: gold".to_owned()), "{:?}", accepted.timeline());
    let poor = run(json!({ "id": "o", "total": 5 }));
    assert!(!poor.timeline().iter().any(|line| line.starts_with("set ")), "{:?}", poor.timeline());
    let large = run(json!({ "id": "o", "total": 100 }));
    assert_eq!(large.timeline().last().unwrap(), "completed Blocked");
}

#[test]
fn a_step_whose_rule_the_execution_does_not_have_fails_with_a_code() {
    let sim = Sim::start(json!([{ "id": "a", "type": "condition", "rule_id": "gone" }]), json!({}));
    assert_eq!(sim.timeline().last().unwrap(), "failed RULE_UNUSABLE at a");
    let mut sim = Sim::accept_json(
        &json!({ "workflow_id": "test", "steps": [{ "id": "a", "type": "set", "rule_id": "large" }] }),
        json!({ "total": 1 }),
    );
    sim.plan = sim.plan.with_rules(rules());
    sim.command(Command::TakeUp);
    assert_eq!(sim.timeline().last().unwrap(), "failed RULE_UNUSABLE at a");
}

#[test]
fn what_a_rule_reads_of_the_organization_is_loaded_too() {
    let condition = json!({ "field": "total", "operator": "gte", "value": "{{ vars.limit }}" });
    let rule = check(RuleKind::Condition, &condition).rule.unwrap();
    let steps = json!([{ "id": "is_large", "type": "condition", "rule_id": "large" }]);
    let mut sim = Sim::accept_json(&json!({ "workflow_id": "test", "steps": steps }), json!({ "total": 100 }));
    sim.plan = sim.plan.with_rules(BTreeMap::from([("large".to_owned(), PinnedRule { rule, version: 1 })]));
    sim.command(Command::TakeUp);
    let output = json!({ "variables": { "limit": 100 } });
    sim.finish(sluice_engine::machine::EffectOutcome::Succeeded { output });
    assert_eq!(sim.context()["steps"]["is_large"]["output"]["result"], true);
}

#[test]
fn a_rule_that_reads_a_secret_is_refused_and_reads_nothing() {
    let checked = check(RuleKind::Condition, &json!({ "field": "secrets.key", "operator": "eq", "value": "k" }));
    let found: Vec<_> = checked.problems.iter().map(|problem| (problem.code, problem.is_error())).collect();
    assert_eq!(found, [("secret-misplaced", true)]);
    assert!(checked.rule.is_some(), "one that was saved before still runs");
}
