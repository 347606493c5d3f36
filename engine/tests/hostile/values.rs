//! Single values: lengths of time, counts, names of events, schedules.

use serde_json::{Value, json};
use sluice_engine::definition::Format::Json;
use sluice_engine::duration;
use sluice_engine::pattern::EventPattern;

use crate::world::{checked, refused, workflow};

fn step(kind: &str, more: Value) -> String {
    let mut step = json!({ "id": "s", "type": kind });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    workflow(json!([step])).to_string()
}

#[test]
fn a_length_of_time_is_positive_and_at_most_a_hundred_years() {
    for text in [
        "-5m",
        "0s",
        "PT0S",
        "36601d",
        "18446744073709551616ms",
        "9".repeat(400).as_str(),
        "1e9s",
        "5m\0",
        "٥m",
        "P-1D",
        "PT1e3S",
        "NaN",
        "Infinity",
        "",
        "now",
        "{{ x }}",
    ] {
        assert!(refused(&step("end", json!({ "timeout": text })), Json).contains(&"bad-duration"), "{text:?}");
    }
    for value in [json!(5), json!(-1), json!([]), json!(true)] {
        assert_eq!(refused(&step("end", json!({ "timeout": value })), Json), ["wrong-type"]);
    }
    assert_eq!(duration::parse("36600d").unwrap(), duration::MAX);
    assert!(duration::parse("36600d1ms").is_err());
    assert!(duration::parse(&"1d".repeat(100_000)).is_err());
}

#[test]
fn counts_are_whole_numbers_in_their_range() {
    let steps = json!([{ "id": "t", "type": "end" }]);
    let foreach = |key: &str, value: &Value| {
        let mut body = json!({ "items": [1], "steps": steps });
        body[key] = value.clone();
        step("foreach", json!({ "foreach": body }))
    };
    let repeat = |value: &Value| {
        step(
            "while",
            json!({ "while": { "condition": { "expression": "a" }, "steps": steps, "max_iterations": value } }),
        )
    };
    let huge = json!(1e300);
    for value in [json!(0), json!(-1), json!(1.5), json!(u64::MAX), json!(i64::MIN), huge] {
        assert_eq!(refused(&foreach("max_concurrency", &value), Json), ["out-of-range"], "{value}");
        assert_eq!(refused(&foreach("batch_size", &value), Json), ["out-of-range"], "{value}");
        assert_eq!(refused(&repeat(&value), Json), ["out-of-range"], "{value}");
    }
    assert_eq!(refused(&foreach("max_concurrency", &json!(1_001)), Json), ["out-of-range"]);
    assert_eq!(refused(&foreach("batch_size", &json!(100_001)), Json), ["out-of-range"]);
    assert_eq!(refused(&repeat(&json!(1_000_001)), Json), ["out-of-range"]);
    for name in ["", "a.b", "steps", "a\u{202e}", "a b", "\u{0}"] {
        assert!(checked(&foreach("item_var", &json!(name)), Json).definition.is_none(), "{name:?}");
    }
}

#[test]
fn event_names_have_no_blanks_controls_or_empty_parts() {
    for text in ["", ".", "a..b", "a\0b", "a\tb", "a\u{2028}b", "**.a", "a*", &"a".repeat(256), &"a.".repeat(200)] {
        assert!(EventPattern::parse(text).is_err(), "{text:?}");
    }
    let stars = EventPattern::parse("*.".repeat(127).trim_end_matches('.')).unwrap();
    assert!(!stars.matches(&"a.".repeat(50)));
    assert!(!stars.matches(""));
    assert!(stars.matches(&"a.".repeat(500_000)));
}

#[test]
fn a_schedule_that_cannot_be_is_refused() {
    for cron in [
        "",
        "* * * * * * *",
        "0 0 30 2 *",
        "*/0 * * * *",
        "99999999999999999999 * * * *",
        "0-99999999999 * * * *",
        "é * * * *",
        "* * * * mön",
        "1-0 * * * *",
        "* * * * 1#9",
        "@every",
        "@every -1s",
        "@every 99999999999999d",
        "@\0",
        "L W # ? L",
        "\u{202e}* * * * *",
    ] {
        let text = json!({ "workflow_id": "w", "trigger": { "type": "schedule", "cron": cron },
            "steps": [{ "id": "s", "type": "end" }] });
        let problems = checked(&text.to_string(), Json).problems;
        let told = problems.iter().find(|problem| problem.code == "bad-cron");
        assert_eq!(told.map(|problem| problem.pointer.as_str()), Some("/trigger/cron"), "{cron:?}: {problems:?}");
    }
    let long = format!("{} * * * *", vec!["1"; 100_000].join(","));
    let text = json!({ "workflow_id": "w", "trigger": { "type": "schedule", "cron": long }, "steps": [{ "id": "s", "type": "end" }] });
    assert!(checked(&text.to_string(), Json).problems.len() <= 2);
}
