//! What explanations say, and that the change they propose really turns the outcome.

#![expect(clippy::unwrap_used, reason = "the helpers compile conditions that are valid")]

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sluice_engine::Timestamp;
use sluice_engine::expr::{Condition, Explanation, Scope, Turn};

const NOW: Timestamp = Timestamp(1_763_000_000_000);

struct Data(Value);

impl Scope for Data {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        match (self.0.get(name), name) {
            (Some(value), _) => Some(Cow::Borrowed(value)),
            (None, "event") => Some(Cow::Borrowed(&self.0)),
            (None, _) => None,
        }
    }

    fn now(&self) -> Timestamp {
        NOW
    }
}

fn explain(condition: &Value, data: &Value) -> Explanation {
    Condition::compile(condition).unwrap().evaluate(&Data(data.clone())).unwrap()
}

fn why_not(condition: &Value, data: &Value) -> Option<String> {
    explain(condition, data).why_not()
}

/// Does to the data what a change says.
fn apply(data: &mut Value, turn: &Turn) {
    let path = turn.field.strip_prefix("event.").unwrap_or(&turn.field);
    let mut parts: Vec<&str> = path.split('.').collect();
    let mut value = turn.value.clone();
    if parts.last() == Some(&"length") {
        parts.pop();
        let length = usize::try_from(value.unwrap().as_u64().unwrap()).unwrap();
        value = Some(json!(vec![0; length]));
    }
    let last = parts.pop().unwrap();
    let mut place = data;
    for part in parts {
        if !place[part].is_object() {
            place[part] = json!({});
        }
        place = &mut place[part];
    }
    let fields: &mut Map<String, Value> = place.as_object_mut().unwrap();
    match value {
        Some(value) => drop(fields.insert(last.to_owned(), value)),
        None => drop(fields.remove(last)),
    }
}

#[test]
fn a_comparison_turns_at_its_boundary() {
    let told = |operator: &str, value: Value, total: Value| {
        why_not(&json!({ "field": "total", "operator": operator, "value": value }), &json!({ "total": total })).unwrap()
    };
    assert_eq!(told("gte", json!(1000), json!(900)), "it would hold if `total` were 1000");
    assert_eq!(told("gt", json!(1000), json!(900)), "it would hold if `total` were 1001");
    assert_eq!(told("gt", json!(1000), json!(900.5)), "it would hold if `total` were more than 1000");
    assert_eq!(told("gte", json!(1000), json!(1200)), "it would not hold if `total` were 999");
    assert_eq!(told("lte", json!(1000), json!(1200.5)), "it would hold if `total` were 1000");
    assert_eq!(told("between", json!([10, 20]), json!(25)), "it would hold if `total` were 20");
    assert_eq!(told("between", json!([10, 20]), json!(12)), "it would not hold if `total` were 9");
    assert_eq!(told("eq", json!("paid"), json!("open")), "it would hold if `total` were \"paid\"");
    assert_eq!(
        told("neq", json!("paid"), json!("paid")),
        "it would not hold if `total` were anything but \"paid\"".replace("not hold", "hold")
    );
    assert_eq!(told("in", json!([1, 50]), json!(45)), "it would hold if `total` were 50");
    assert_eq!(told("in", json!(["EUR", "USD"]), json!("GBP")), "it would hold if `total` were \"EUR\"");
    assert_eq!(told("contains", json!("door"), json!("gate")), "it would hold if `total` were a text with \"door\"");
    assert_eq!(told("has_all", json!(["a", "b"]), json!(["a"])), "it would hold if `total` were a list with \"b\" too");
    assert_eq!(
        told("older_than", json!("1d"), json!("2025-11-13T00:00:00Z")),
        "it would hold if `total` were \"2025-11-12T02:13:19.999Z\""
    );
    assert_eq!(
        told("before", json!("2025-01-01T00:00:00Z"), json!("2025-03-01T00:00:00Z")),
        "it would hold if `total` were \"2024-12-31T23:59:59.999Z\""
    );
}

#[test]
fn presence_turns_with_any_value_or_with_none() {
    let exists = json!({ "field": "order.id", "operator": "exists" });
    assert_eq!(why_not(&exists, &json!({})).unwrap(), "it would hold if `order.id` were any value");
    assert_eq!(
        why_not(&exists, &json!({ "order": { "id": 7 } })).unwrap(),
        "it would not hold if `order.id` were absent"
    );
}

#[test]
fn the_nearest_number_is_told_before_anything_else() {
    let condition = json!({ "and": [
        { "field": "currency", "operator": "eq", "value": "EUR" },
        { "field": "weight", "operator": "lt", "value": 100 },
        { "field": "total", "operator": "gte", "value": 1000 },
    ] });
    let data = json!({ "currency": "EUR", "weight": 50, "total": 1010 });
    assert_eq!(why_not(&condition, &data).unwrap(), "it would not hold if `total` were 999");
}

#[test]
fn nothing_is_told_when_one_value_is_not_enough() {
    let both = json!({ "and": [
        { "field": "a", "operator": "eq", "value": 1 },
        { "field": "b", "operator": "eq", "value": 1 },
    ] });
    // The second was not looked at, but it stands in the way all the same.
    assert_eq!(why_not(&both, &json!({ "a": 0, "b": 0 })), None);
    assert_eq!(why_not(&both, &json!({ "a": 0, "b": 1 })).unwrap(), "it would hold if `a` were 1");
    let never = json!({ "and": [
        { "field": "a", "operator": "gt", "value": 5 },
        { "field": "a", "operator": "lt", "value": 5 },
    ] });
    assert_eq!(why_not(&never, &json!({ "a": 1 })), None);
    assert_eq!(why_not(&json!({ "field": "a", "operator": "regex", "value": "^x" }), &json!({ "a": "y" })), None);
    assert_eq!(why_not(&json!({ "expression": "a > 5" }), &json!({ "a": 1 })), None);
    let guarded = json!({ "and": [{ "field": "a", "operator": "eq", "value": 1 }, { "expression": "b + 1 > 5" }] });
    assert_eq!(why_not(&guarded, &json!({ "a": 0, "b": 9 })), None, "the expression was not computed");
}

#[test]
fn an_expression_that_does_not_read_the_value_stays_as_it_was() {
    let condition = json!({ "and": [{ "expression": "b + 1 > 5" }, { "field": "a", "operator": "eq", "value": 1 }] });
    assert_eq!(why_not(&condition, &json!({ "a": 0, "b": 9 })).unwrap(), "it would hold if `a` were 1");
    let same = json!({ "and": [{ "expression": "a + 1 > 5" }, { "field": "a", "operator": "eq", "value": 1 }] });
    assert_eq!(why_not(&same, &json!({ "a": 9 })), None);
}

#[test]
fn the_first_false_part_of_an_and_has_decided() {
    let condition = json!({ "and": [
        { "field": "a", "operator": "eq", "value": 1 },
        { "or": [{ "field": "b", "operator": "eq", "value": 1 }, { "field": "c", "operator": "eq", "value": 1 }] },
        { "field": "d", "operator": "eq", "value": 1 },
    ] });
    let why = explain(&condition, &json!({ "a": 1, "b": 0, "c": 0, "d": 1 }));
    assert_eq!(why.deciding_leaf().field.as_deref(), Some("c"));
    let why = explain(&condition, &json!({ "a": 0, "b": 1, "c": 0, "d": 1 }));
    assert_eq!(why.deciding_leaf().field.as_deref(), Some("a"));
    assert_eq!((why.children.len(), why.others.len()), (1, 2));
}

#[test]
fn large_values_are_not_kept() {
    let condition = json!({ "field": "note", "operator": "contains", "value": "door" });
    let why = explain(&condition, &json!({ "note": "x".repeat(100_000) }));
    assert!(why.is_cut);
    assert!(serde_json::to_string(&why).unwrap().len() < 2_000);
    assert_eq!(why.smallest_change(), None);
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..12).prop_map(Value::from),
        (-30_i32..120).prop_map(|tenths| json!(f64::from(tenths) / 10.0)),
        "[abx]{0,3}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        moment(),
        Just(Value::Null),
    ]
}

fn moment() -> impl Strategy<Value = Value> {
    (-5_i64..5).prop_map(|hours| json!(Timestamp(NOW.0 + hours * 3_600_000).to_rfc3339()))
}

fn members() -> impl Strategy<Value = Value> {
    prop::collection::vec(scalar(), 0..4).prop_map(Value::from)
}

fn data() -> impl Strategy<Value = Value> {
    let some = |value: BoxedStrategy<Value>| prop::option::weighted(0.85, value);
    (
        some(scalar().boxed()),
        some(scalar().boxed()),
        some(members().boxed()),
        some(moment().boxed()),
        some(scalar().boxed()),
    )
        .prop_map(|(n, m, list, at, odd)| {
            let mut order = Map::new();
            let fields = [("n", n), ("m", m), ("list", list), ("at", at)];
            order.extend(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
            let mut root = Map::from_iter([("order".to_owned(), Value::Object(order))]);
            root.extend(odd.map(|odd| ("odd".to_owned(), odd)));
            Value::Object(root)
        })
}

fn leaf() -> impl Strategy<Value = Value> {
    let field = prop::sample::select(vec![
        "order.n",
        "order.n",
        "order.m",
        "order.list",
        "order.list.length",
        "order.at",
        "odd",
        "event.order.n",
        "order",
    ]);
    let compared = prop::sample::select(vec![
        "eq",
        "neq",
        "gt",
        "gte",
        "lt",
        "lte",
        "contains",
        "not_contains",
        "starts_with",
        "ends_with",
        "before",
        "after",
    ]);
    let right = prop_oneof![4 => scalar(), 1 => Just(json!("{{ odd }}")), 1 => Just(json!("now-1h"))];
    let listed = prop::sample::select(vec!["in", "not_in", "has_all", "has_any"]);
    let alone = prop::sample::select(vec!["exists", "not_exists", "is_null", "is_empty"]);
    let aged = prop::sample::select(vec!["within_last", "older_than"]);
    prop_oneof![
        4 => (field.clone(), compared, right)
            .prop_map(|(field, operator, value)| json!({ "field": field, "operator": operator, "value": value })),
        1 => (field.clone(), scalar(), scalar())
            .prop_map(|(field, low, high)| json!({ "field": field, "operator": "between", "value": [low, high] })),
        2 => (field.clone(), listed, members())
            .prop_map(|(field, operator, value)| json!({ "field": field, "operator": operator, "value": value })),
        1 => (field.clone(), alone).prop_map(|(field, operator)| json!({ "field": field, "operator": operator })),
        1 => (field, aged, 1_u32..4)
            .prop_map(|(field, operator, n)| json!({ "field": field, "operator": operator, "value": format!("{n}h") })),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|members| json!({ "and": members })),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|members| json!({ "or": members })),
            inner.prop_map(|inner| json!({ "not": inner })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_proposed_change_turns_the_outcome(condition in condition(), data in data()) {
        let why = explain(&condition, &data);
        if let Some(turn) = why.smallest_change() {
            let mut changed = data;
            apply(&mut changed, &turn);
            let after = explain(&condition, &changed);
            prop_assert_ne!(why.result, after.result, "{:?} in {}", turn, changed);
        }
    }

    #[test]
    fn a_stored_explanation_proposes_the_same_change(condition in condition(), data in data()) {
        let why = explain(&condition, &data);
        let stored = serde_json::to_string(&why).unwrap();
        let read: Explanation = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(why.smallest_change(), read.smallest_change());
    }

    #[test]
    fn a_comparison_that_fails_always_has_a_change(bound in -1_000_i64..1_000, value in -1_000_i64..1_000) {
        for operator in ["gt", "gte", "lt", "lte", "eq", "neq"] {
            let condition = json!({ "field": "n", "operator": operator, "value": bound });
            let data = json!({ "n": value });
            prop_assert!(why_not(&condition, &data).is_some());
        }
    }
}
