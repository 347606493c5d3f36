//! Conditions and their patterns.

use serde_json::{Value, json};
use sluice_engine::expr::Condition;

use crate::world::{Context, nested};

fn leaf(operator: &str, value: Value) -> Value {
    json!({ "field": "a", "operator": operator, "value": value })
}

#[test]
fn a_pattern_that_is_exponential_elsewhere_is_linear_here() {
    let condition = Condition::compile(&leaf("regex", json!("^(a+)+$"))).unwrap();
    let scope = Context(json!({ "a": format!("{}!", "a".repeat(200_000)) }));
    assert!(!condition.evaluate(&scope).unwrap().result);
}

#[test]
fn a_pattern_that_compiles_to_a_huge_program_is_refused() {
    for pattern in ["a{1000}{1000}", "(a{1000}){1000}", "\\w{1000}", "((((a{50}){50}){50}){50})", "[\\w\\d]{9999}"] {
        let faults = Condition::compile(&leaf("regex", json!(pattern))).unwrap_err();
        assert_eq!((faults[0].code, faults[0].pointer.as_str()), ("bad-regex", "/value"), "{pattern}");
        assert!(faults[0].message.contains("too large"), "{faults:?}");
        // The same when it comes with the data: the comparison cannot be made, and that is told.
        let late = Condition::compile(&leaf("regex", json!("{{ p }}"))).unwrap();
        let explained = late.evaluate(&Context(json!({ "a": "aaa", "p": pattern }))).unwrap();
        assert!(!explained.result);
        assert!(explained.warning.unwrap().contains("too large"));
    }
    for pattern in
        ["(".repeat(60), "a".repeat(5_000), "(?=a)".to_owned(), "\\1".to_owned(), "a{99999999999}".to_owned()]
    {
        assert_eq!(Condition::compile(&leaf("regex", json!(pattern))).unwrap_err()[0].code, "bad-regex");
    }
}

#[test]
fn groups_nest_up_to_a_bound() {
    let deep = |levels: usize| (0..levels).fold(json!(true), |inner, _| json!({ "not": inner }));
    assert!(Condition::compile(&deep(32)).is_ok());
    let faults = Condition::compile(&deep(2_000)).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("32 deep"));
}

#[test]
fn an_explanation_does_not_repeat_large_values() {
    let members = vec![leaf("eq", json!("no")); 2_000];
    let condition = Condition::compile(&json!({ "or": members })).unwrap();
    for large in [json!("x".repeat(1_000_000)), json!(vec![0; 100_000]), json!(nested(60))] {
        let explained = condition.evaluate(&Context(json!({ "a": large }))).unwrap();
        assert_eq!(explained.children.len(), 2_000);
        assert!(serde_json::to_string(&explained).unwrap().len() < 4 * 1024 * 1024);
    }
    let explained = Condition::compile(&json!({ "expression": "a" })).unwrap();
    let explained = explained.evaluate(&Context(json!({ "a": "x".repeat(1_000_000) }))).unwrap();
    assert!(explained.result);
    assert!(explained.is_cut && explained.left.unwrap().as_str().unwrap().len() < 2_000);
}

#[test]
fn a_condition_that_is_accepted_has_an_answer_for_any_value() {
    let operators = [
        "eq",
        "neq",
        "gt",
        "lte",
        "between",
        "in",
        "not_in",
        "contains",
        "has_all",
        "has_any",
        "starts_with",
        "regex",
        "exists",
        "is_null",
        "is_empty",
        "before",
        "after",
        "within_last",
        "older_than",
        "ieq",
        "icontains",
    ];
    let odd = [
        json!(null),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(f64::MAX),
        json!(-0.0),
        json!("now-100y"),
        json!("now+36500d"),
        json!("-262143-01-01T00:00:00Z"),
        json!("9999-12-31T23:59:60Z"),
        json!("\0\u{202e}\u{feff}e\u{301}"),
        json!([]),
        json!([null, "x"]),
        json!({ "__proto__": {} }),
        nested(100),
    ];
    for operator in operators {
        for right in &odd {
            let Ok(condition) = Condition::compile(&leaf(operator, right.clone())) else { continue };
            for left in &odd {
                let explained = condition.evaluate(&Context(json!({ "a": left }))).unwrap();
                assert!(!explained.summary().is_empty());
            }
        }
    }
}
