//! What rules answer, and what checking them finds.

use serde_json::{Value, json};

use super::*;
use crate::Timestamp;
use crate::expr::DataScope;

const NOW: Timestamp = Timestamp(1_772_366_400_000);

fn rule(kind: RuleKind, definition: &Value) -> Rule {
    let checked = check(kind, definition);
    checked.rule.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn answer(kind: RuleKind, definition: &Value, data: &Value) -> Outcome {
    rule(kind, definition).evaluate(&DataScope { data, now: NOW }).unwrap()
}

fn found(kind: RuleKind, definition: &Value) -> Vec<(&'static str, String)> {
    check(kind, definition).problems.into_iter().map(|problem| (problem.code, problem.pointer)).collect()
}

#[test]
fn a_condition_holds_when_all_of_its_conditions_do_and_tells_which_one_did_not() {
    let large = json!({ "conditions": [
        { "field": "order.total", "operator": "gte", "value": 1000 },
        { "not": { "field": "order.prepaid", "operator": "eq", "value": true } },
    ]});
    let data = |total: i64, prepaid: bool| json!({ "order": { "total": total, "prepaid": prepaid } });
    assert!(answer(RuleKind::Condition, &large, &data(1000, false)).passed);
    let prepaid = answer(RuleKind::Condition, &large, &data(5000, true));
    assert!(!prepaid.passed);
    assert_eq!(prepaid.why.deciding_leaf().field.as_deref(), Some("order.prepaid"));
    let small = answer(RuleKind::Condition, &large, &data(900, false));
    assert_eq!(small.why.deciding_leaf().summary(), "order.total 900 is less than 1000");
    assert_eq!(small.why.at, Some(NOW));
    // One condition may stand alone.
    let alone = json!({ "field": "order.total", "operator": "gt", "value": 10 });
    assert!(answer(RuleKind::Condition, &alone, &data(11, false)).passed);
}

#[test]
fn a_validation_tells_every_check_that_failed_and_leaves_out_those_that_do_not_apply() {
    let complete = json!({ "checks": [
        { "condition": { "field": "order.id", "operator": "exists" }, "message": "no id" },
        { "condition": { "field": "order.total", "operator": "gt", "value": 0 }, "message": "{{ order.total }} is too little" },
        { "when": { "field": "order.express", "operator": "eq", "value": true },
          "condition": { "field": "order.phone", "operator": "exists" }, "message": "no phone" },
    ]});
    let wrong =
        answer(RuleKind::Validation, &complete, &json!({ "order": { "id": "o", "total": 0, "express": true } }));
    assert_eq!(
        (wrong.passed, wrong.failures.as_slice()),
        (false, ["0 is too little".to_owned(), "no phone".to_owned()].as_slice())
    );
    assert_eq!(wrong.why.children.len(), 3, "all are looked at");
    assert_eq!(wrong.why.deciding_leaf().field.as_deref(), Some("order.total"), "the first that failed decided");
    let right = answer(RuleKind::Validation, &complete, &json!({ "order": { "id": "o", "total": 1 } }));
    assert_eq!((right.passed, right.failures.len(), right.why.children.len()), (true, 0, 2));
    let idle = json!({ "checks": [{ "when": false, "condition": false, "message": "never" }] });
    let idle = answer(RuleKind::Validation, &idle, &json!({}));
    assert_eq!((idle.passed, idle.why.summary().as_str()), (true, "`true` is true"));
}

#[test]
fn an_enrichment_adds_data_only_when_it_applies() {
    let tier = json!({ "when": { "field": "spent", "operator": "gte", "value": 500 },
        "set": { "customer.tier": "gold", "customer.discount": "{{ spent / 100 }}" } });
    let gold = answer(RuleKind::Enrichment, &tier, &json!({ "spent": 700 }));
    let added = json!({ "customer.tier": "gold", "customer.discount": 7.0 });
    assert_eq!((gold.passed, Value::Object(gold.output.unwrap())), (true, added));
    let none = answer(RuleKind::Enrichment, &tier, &json!({ "spent": 1 }));
    assert_eq!((none.passed, none.output), (false, Some(Map::new())));
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_its_place() {
    let bad_condition = json!({ "conditions": [{ "field": "a", "operator": "nearly", "value": 1 }], "field": "b" });
    assert_eq!(
        found(RuleKind::Condition, &bad_condition),
        [("bad-operator", "/conditions/0/operator".to_owned()), ("unknown-key", "/field".to_owned())]
    );
    let bad_check =
        json!({ "checks": [{ "condition": true, "mesage": "x" }, { "condition": { "and": [] } }], "other": 1 });
    let codes: Vec<_> = found(RuleKind::Validation, &bad_check).into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"unknown-key") && codes.contains(&"missing-key"), "{codes:?}");
    assert_eq!(
        found(RuleKind::Enrichment, &json!({ "set": { "steps.a": 1 } })),
        [("bad-path", "/set/steps.a".to_owned())]
    );
    assert_eq!(found(RuleKind::Validation, &json!({ "checks": [] })), [("out-of-range", "/checks".to_owned())]);
    assert_eq!(found(RuleKind::Condition, &json!({ "conditions": [] })), [("missing-key", "/conditions".to_owned())]);
    let deep = (0..100).fold(json!(true), |inner, _| json!({ "not": inner }));
    assert_eq!(found(RuleKind::Condition, &deep), [("too-deep", String::new())]);
    for kind in RuleKind::ALL {
        assert!(check(kind, &json!(7)).rule.is_none(), "{kind:?}");
        assert_eq!(RuleKind::parse(kind.name()), Some(kind));
    }
}

#[test]
fn a_rule_is_found_wherever_a_definition_names_it() {
    let definition = json!({ "workflow_id": "w", "steps": [
        { "id": "a", "type": "condition", "rule_id": "one", "on_true": "b" },
        { "id": "b", "type": "foreach", "foreach": { "items": "{{ list }}", "steps": [
            { "id": "c", "type": "switch", "cases": [{ "when": true, "next": "d" }, { "rule_id": "two", "next": "d" }] },
            { "id": "d", "type": "set", "rule_id": "three" } ] } },
    ]});
    let decoded = crate::definition::decode(&definition).unwrap();
    let places: Vec<_> = uses(&decoded).into_iter().map(|used| (used.rule, used.step, used.pointer)).collect();
    let place = |rule: &str, step: &str, pointer: &str| (rule.to_owned(), step.to_owned(), pointer.to_owned());
    assert_eq!(
        places,
        [
            place("one", "a", "/steps/0/rule_id"),
            place("two", "c", "/steps/1/foreach/steps/0/cases/1/rule_id"),
            place("three", "d", "/steps/1/foreach/steps/1/rule_id"),
        ]
    );
    assert_eq!(names(&decoded).len(), 3);
}
