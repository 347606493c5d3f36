//! Templates and expressions that want too much.

use serde_json::{Value, json};
use sluice_engine::expr::{EvalError, Expression, Path, Template};

use crate::world::{Context, depth, nested};

fn context() -> Context {
    Context(json!({ "a": 1, "d": { "b": 1 }, "big": "x".repeat(1_000_000), "quoted": "\"\\".repeat(200_000),
        "list": (0..50_000).collect::<Vec<_>>(), "deep": nested(100), "empty": "", "null": null }))
}

fn evaluate(expression: &str) -> Result<Value, EvalError> {
    Expression::compile(expression).unwrap().evaluate(&context())
}

#[test]
fn a_chain_of_any_operator_is_refused_before_it_can_overflow_a_stack() {
    let chains: [(&str, &str, &str); 16] = [
        ("a", "+a", ""),
        ("a", " ~ a", ""),
        ("a", " and a", ""),
        ("a", " or a", ""),
        ("a", "|abs", ""),
        ("1+d", ".b", ""),
        ("1+d", "[0]", ""),
        ("a", " is none", ""),
        ("a", "**a", ""),
        ("a", "==a", ""),
        ("a", " in a", ""),
        ("a", " if a else a", ""),
        ("", "not ", "a"),
        ("", "not\t", "a"),
        ("", "-", "a"),
        ("", "- ", "a"),
    ];
    for (start, link, end) in chains {
        let text = format!("{start}{}{end}", link.repeat(1_200));
        let fault = Expression::compile(&text).unwrap_err();
        assert_eq!(fault.code, "bad-template", "{link}");
        assert!(fault.message.contains("chains more than") || fault.message.contains("nests deeper"), "{fault:?}");
        let template = Template::compile(&json!({ "x": [format!("{{{{ {text} }}}}")] })).unwrap_err();
        assert_eq!(template[0].pointer, "/x/0");
        // Of a reasonable length it is an expression, though not always one that can be computed.
        Expression::compile(&format!("{start}{}{end}", link.repeat(20))).unwrap().evaluate(&context()).ok();
    }
    let brackets = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(Expression::compile(&brackets).unwrap_err().message.contains("32 brackets"));
    assert!(Expression::compile(&"a".repeat(20_000)).unwrap_err().message.contains("16384"));
}

#[test]
fn what_would_be_larger_than_a_mebibyte_is_a_limit_and_is_never_made() {
    for expression in [
        "([1] * 10**6) | list | json",
        "([big] * 100000) | json",
        "[big] * 100000",
        "([big] * 100000) | join",
        "{'a': [big] * 50000}",
        "[big, big]",
        "big ~ big",
        "big | replace('x', 'xx')",
        "big | replace('', 'yy')",
        "quoted | json | json | json | json",
        "list | map('string') | map('upper') | join(big)",
    ] {
        let error = evaluate(expression).unwrap_err();
        assert_eq!(error.code(), "EXPRESSION_LIMIT", "{expression}: {error}");
    }
    let many = format!("[{}]", vec!["big"; 3_000].join(","));
    assert_eq!(evaluate(&many).unwrap_err().code(), "EXPRESSION_LIMIT");
}

#[test]
fn numbers_out_of_any_range_give_an_error_or_a_value() {
    for expression in [
        "'x' * 10**9",
        "([1] * 10**9) | sum",
        "([1] * 10**9) | sort",
        "([1] * 10**9)[::-1]",
        "1.5 | round(400)",
        "1.5 | round(-400)",
        "1.5 | round(9223372036854775807)",
        "10 ** 400",
        "(2 ** 64) ** (2 ** 64)",
        "2 ** 127 * 2 ** 127",
        "(-9223372036854775808) | abs",
        "1 / 0",
        "1 % 0",
        "1 // 0",
        "(-170141183460469231731687303715884105728) // (-1)",
        "(-170141183460469231731687303715884105728) % (-1)",
        "('9' * 400) | int",
        "('9' * 400) | float",
        "1e999",
        "1e999 | int",
        "list[-99999999999999999999:]",
        "big[::0]",
        "9223372036854775807 | date",
        "'2026-01-01' | date('%')",
        "'2026-01-01' | date('%999999999Y')",
        "'2026-01-01' | date('%+%s%f%.9f%:::z%Z%#z%-e%_d%0d%N')",
        "'2026-01-01' | date(big)",
        "now_plus_99999999999999999999d",
        "range(1000000000)",
        "'\\ud800' ~ '\\u0000'",
    ] {
        if let Ok(value) = Expression::compile(expression).map_or(Ok(Value::Null), |it| it.evaluate(&context())) {
            assert!(value.to_string().len() <= 2 * 1024 * 1024, "{expression}");
        }
    }
    assert!(Expression::compile(&"9".repeat(400)).is_err() || evaluate(&"9".repeat(400)).is_ok());
}

#[test]
fn a_template_of_many_large_values_stops_at_the_first_that_is_too_many() {
    let many = Template::compile(&json!(vec!["{{ big }}"; 50_000])).unwrap();
    assert_eq!(many.render(&context()).unwrap_err().code(), "EXPRESSION_LIMIT");
    let text = Template::compile(&json!("{{ big }}".repeat(50_000))).unwrap();
    assert_eq!(text.render(&context()).unwrap_err().code(), "EXPRESSION_LIMIT");
    let object: serde_json::Map<String, Value> = (0..50_000).map(|n| (format!("k{n}"), json!("- {{ big }}"))).collect();
    let object = Template::compile(&Value::Object(object)).unwrap();
    assert_eq!(object.render(&context()).unwrap_err().code(), "EXPRESSION_LIMIT");
}

#[test]
fn a_rendered_value_is_no_deeper_than_what_can_be_stored_and_read() {
    let deep = Template::compile(&json!("{{ deep }}")).unwrap().render(&context()).unwrap_err();
    assert_eq!(deep.code(), "EXPRESSION_LIMIT");
    assert!(deep.to_string().contains("64 deep"), "{deep}");
    let allowed = Context(json!({ "deep": nested(64) }));
    let value = Template::compile(&json!("{{ deep }}")).unwrap().render(&allowed).unwrap();
    assert_eq!(depth(&value), 64);
    assert_eq!(
        Template::compile(&json!(["{{ deep }}"])).unwrap().render(&allowed).unwrap_err().code(),
        "EXPRESSION_LIMIT"
    );
}

#[test]
fn faults_of_one_template_are_told_up_to_a_bound() {
    let faults = Template::compile(&json!({ "k".repeat(1_000): vec!["{{"; 50_000] })).unwrap_err();
    assert_eq!(faults.len(), 100);
    assert!(faults[99].pointer.ends_with("/99"));
}

#[test]
fn texts_that_are_no_paths_are_refused_and_strange_names_are_only_names() {
    for text in [
        "a[99999999999999999999]",
        "a[-1]",
        "a\0b",
        "a.\u{202e}b",
        "a..b",
        "a[\"",
        &"a.".repeat(500_000),
        &".a".repeat(130),
    ] {
        let error = Path::parse(text).unwrap_err();
        assert!(error.to_string().chars().count() < 400);
    }
    let scope = Context(json!({ "__proto__": { "steps": 1 }, "constructor": 2, "a": { "\0": 3, "e\u{301}": 4 } }));
    let read = |text: &str| Template::compile(&json!(text)).unwrap().render(&scope).unwrap();
    assert_eq!(read("{{ __proto__.steps }}"), 1);
    assert_eq!(read("{{ constructor }}"), 2);
    assert_eq!(read("{{ a[\"e\u{301}\"] }}"), 4);
    assert_eq!(read("{{ a.toString }}"), Value::Null);
    assert_eq!(read("{{ __each }}"), Value::Null);
}
