//! Texts of definitions.

use std::fmt::Write as _;

use serde_json::json;
use sluice_engine::definition::Format::{Json, Yaml};
use sluice_engine::definition::{self, Format};

use crate::world::{checked, nested, refused, workflow};

const STEPS: &str = "\"workflow_id\": \"w\", \"steps\": [{\"id\": \"s\", \"type\": \"end\"}]";

#[test]
fn a_text_that_is_too_long_or_too_deep_is_refused_with_its_rule() {
    let long = format!("{{\"workflow_id\": \"{}\"}}", "x".repeat(5 * 1024 * 1024));
    for format in [Json, Yaml] {
        assert_eq!(refused(&long, format), ["too-large"]);
    }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(refused(&deep, Json), ["too-deep"]);
        assert_eq!(refused(&deep, Yaml), ["too-deep"]);
        assert_eq!(refused(&open.repeat(100_000), Json), ["too-deep"]);
    }
    let dashes = "- ".repeat(10_000);
    assert_eq!(refused(&dashes, Yaml), ["too-deep"]);
    let indented = (0..900).fold(String::new(), |mut text, level| {
        writeln!(text, "{}a:", " ".repeat(level)).unwrap();
        text
    });
    assert_eq!(refused(&indented, Yaml), ["too-deep"]);
    let problems = definition::decode(&nested(1_000)).unwrap_err();
    assert_eq!(problems[0].code, "too-deep");
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        writeln!(laughs, "a{level}: &a{level} [{}]", vec![format!("*a{before}"); 9].join(", ")).unwrap();
    }
    assert_eq!(refused(&laughs, Yaml), ["syntax"]);
    let text = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(400_000), vec!["*a"; 100_000].join(","));
    assert_eq!(refused(&text, Yaml), ["syntax"]);
    assert_eq!(refused("a: &a [*a]\n", Yaml), ["syntax"]);
    assert_eq!(refused("a: &a {<<: *a}\n", Yaml), ["syntax"]);
}

#[test]
fn duplicate_keys_are_each_told_where_they_stand_up_to_a_bound() {
    let text = format!("{{\n{STEPS},\n\"workflow_id\": \"v\"}}");
    let problems = checked(&text, Json).problems;
    assert_eq!((problems[0].code, problems[0].pointer.as_str()), ("duplicate-key", "/workflow_id"));
    assert!(problems[0].range.is_some());
    assert_eq!(refused("workflow_id: a\nworkflow_id: b\nsteps: [{id: s, type: end}]\n", Yaml), ["duplicate-key"]);
    let many = format!("{{\"metadata\": {{{}\"a\": 1}}, {STEPS}}}", "\"a\": 1,".repeat(100_000));
    let problems = checked(&many, Json).problems;
    assert_eq!((problems.len(), problems[500].code), (501, "too-many-problems"));
    assert!(problems[500].message.starts_with("99500 more"), "{}", problems[500].message);
}

#[test]
fn a_long_key_around_many_values_does_not_multiply() {
    let key = "k".repeat(300_000);
    for inner in ["{\"a\": 1, \"a\": 1}", "[\"{{\", \"{{\"]"] {
        let text = format!("{{\"metadata\": {{\"{key}\": {inner}}}, {STEPS}}}");
        let problems = checked(&text, Json).problems;
        assert_eq!(problems[0].code, "syntax");
        assert!(problems[0].message.contains("4096 bytes"), "{}", problems[0].message);
        assert!(problems[0].range.is_some());
    }
    // Just below the bound, around a hundred thousand values, and with something to complain about.
    let text =
        format!("{{\"metadata\": {{\"{}\": [{}1]}}, \"oops\": 1, {STEPS}}}", "k".repeat(4_000), "1,".repeat(200_000));
    assert_eq!(refused(&text, Json), ["unknown-key"]);
    assert_eq!(refused(&text, Yaml), ["syntax"], "a YAML text holds fewer values");
    let ids = format!("{{\"workflow_id\": \"w\", \"steps\": [{{\"id\": \"{}\", \"type\": \"end\"}}{}]}}", "i".repeat(300_000),
        ", {\"id\": \"s\", \"type\": \"set\", \"set\": {\"a\": 1}, \"next\": \"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\"}".repeat(2_000));
    assert!(refused(&ids, Json).contains(&"unknown-step"));
}

#[test]
fn characters_that_no_text_can_hold_are_refused() {
    for (inner, code) in
        [("\\ud800", "syntax"), ("\\udc00\\ud800", "syntax"), ("\\u0000", "bad-text"), ("\u{1}", "syntax")]
    {
        let text = format!("{{\"description\": \"{inner}\", {STEPS}}}");
        assert_eq!(refused(&text, Json), [code], "{inner:?}");
    }
    assert_eq!(refused(&format!("{{\"x-\\u0000\": 1, {STEPS}}}"), Json), ["syntax"]);
    assert_eq!(refused("\0", Json), ["syntax"]);
    for text in
        ["a\0b: 1", "a: \"\\0\"", "%YAML 9.9\n---\na", "!!binary a", "a: !<x> b", "? [a]\n: b", "\u{feff}\u{feff}a"]
    {
        assert!(!refused(text, Yaml).is_empty(), "{text:?}");
    }
    for text in ["", "\u{feff}", " \n\t", "null", "1", "[]", "\"w\""] {
        for format in [Json, Yaml] {
            assert!(!refused(text, format).is_empty(), "{text:?}");
        }
    }
}

#[test]
fn numbers_beyond_any_float_are_refused() {
    for number in ["1e999", "-1e999", &"9".repeat(400), &format!("1{}.5", "0".repeat(400))] {
        let text = format!("{{\"metadata\": {{\"a\": {number}}}, {STEPS}}}");
        assert_eq!(refused(&text, Json), ["syntax"], "{number}");
    }
    for number in [".nan", ".inf", "-.inf", "1e999"] {
        let yaml = format!("workflow_id: w\nmetadata: {{a: {number}}}\nsteps: [{{id: s, type: end}}]\n");
        let codes = checked(&yaml, Yaml).problems;
        assert!(
            codes.iter().all(|problem| problem.code == "out-of-range" && problem.pointer == "/metadata/a"),
            "{codes:?}"
        );
    }
    let tiny = format!("{{\"metadata\": {{\"a\": 1e-999, \"b\": 0.{}}}, {STEPS}}}", "1".repeat(10_000));
    assert!(checked(&tiny, Json).is_valid());
}

#[test]
fn any_text_has_a_format() {
    for (text, name) in [("", None), ("\u{feff}{", None), ("{", Some("a.yaml.")), ("[", Some("."))] {
        let format = Format::guess(text, name);
        refused(text, format);
    }
    assert!(checked(&workflow(json!([{ "id": "s", "type": "end" }])).to_string(), Yaml).is_valid());
}
