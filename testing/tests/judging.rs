//! Whatever is expected and not so is told with its place; whatever is as expected is not.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::time::Duration;

use engine::check::{Offline, check};
use engine::definition::Format;
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};
use testing::{Case, Seen, cases, judge, run, updated};

fn plan(definition: &str) -> Plan {
    let checked = check(definition, Format::Yaml, &Offline);
    assert!(checked.is_valid(), "{:#?}", checked.problems);
    Plan::new(checked.definition.unwrap(), Settings { default_timeout: Duration::from_mins(5) }).unwrap()
}

fn case(more: Value) -> Case {
    let mut case = json!({ "id": "c", "workflow": "w.yaml", "payload": { "order": { "id": "o-1", "total": 50 } } });
    for (name, value) in more.as_object().unwrap() {
        case[name] = value.clone();
    }
    cases(&case.to_string(), true).unwrap().remove(0)
}

const CALLS: &str = "
workflow_id: calls
steps:
  - id: call
    type: execute
    execute:
      - type: http_request
        method: POST
        url: 'https://a.example/orders'
        query: { page: 1 }
        headers: { X-Trace: '{{order.id}}' }
        body: { total: '{{order.total}}', at: '{{now}}' }
      - { type: log, message: 'called for {{order.id}}' }
      - { type: emit_event, event: order.called, payload: { order: { id: '{{order.id}}' } } }
    next: decide
  - id: decide
    type: action
    action: { type: block, reason: 'stop {{order.id}}', metadata: { n: 1 } }
";

fn stubbed(expect: Value) -> Case {
    let http = json!([{ "method": "post", "url": "https://a.example/orders?page=1", "responses": [{ "body": { "ok": true } }] }]);
    case(json!({ "stubs": { "http": http, "now": "2026-03-01T12:00:00Z" }, "expect": expect }))
}

fn seen(case: &Case) -> Seen {
    run(&plan(CALLS), case).unwrap()
}

/// What is so, said as exactly as can be.
fn right() -> Value {
    json!({
        "status": "completed", "result": "blocked", "reason": "stop o-1", "metadata": { "n": 1 },
        "steps_visited": ["call", "decide"], "approvals": [], "notifications": [], "records": [],
        "http_calls": [{
            "step": "call", "method": "post", "url": "https://a.example/orders?page=1", "headers": { "x-TRACE": "o-1" },
            "body": { "total": 50.0, "at": "<timestamp:+0s>" }, "status": 200,
        }],
        "events": [{ "event": "order.called", "payload": { "order": { "id": "<one-of:o-1|o-2>" } } }],
        "logs": [{ "level": "info", "message": "called for <any>" }],
        "context": { "order": { "total": 50 }, "data": { "ok": true } },
    })
}

#[test]
fn what_is_as_expected_differs_in_nothing() {
    let case = stubbed(right());
    assert_eq!(judge(&case, &seen(&case)), []);
}

#[test]
fn each_expectation_that_does_not_hold_is_told_at_its_place() {
    let wrong = [
        ("/status", json!("failed"), "status"),
        ("/result", json!("allowed"), "result"),
        ("/reason", json!("stop o-2"), "reason"),
        ("/metadata", json!({}), "metadata.n"),
        ("/metadata/n", json!("1"), "metadata.n"),
        ("/steps_visited", json!(["decide", "call"]), "steps_visited[0]"),
        ("/steps_visited", json!(["call"]), "steps_visited"),
        ("/steps_visited", json!(["call", "decide", "more"]), "steps_visited"),
        ("/approvals", json!([{ "step": "x" }]), "approvals[0]"),
        ("/notifications", json!([{}]), "notifications[0]"),
        ("/http_calls", json!([]), "http_calls[0]"),
        ("/http_calls/0/method", json!("GET"), "http_calls[0].method"),
        ("/http_calls/0/url", json!("https://b.example"), "http_calls[0].url"),
        ("/http_calls/0/headers/x-TRACE", json!("o-2"), "http_calls[0].headers.x-trace"),
        ("/http_calls/0/headers/other", json!("x"), "http_calls[0].headers.other"),
        ("/http_calls/0/body", json!({ "total": 50 }), "http_calls[0].body.at"),
        ("/http_calls/0/body/total", json!("50"), "http_calls[0].body.total"),
        ("/http_calls/0/body/at", json!("<timestamp:+1h>"), "http_calls[0].body.at"),
        ("/http_calls/0/status", json!(201), "http_calls[0].status"),
        ("/events/0/payload/order", json!({}), "events[0].payload.order.id"),
        ("/events/0/event", json!("order.other"), "events[0].event"),
        ("/logs/0/level", json!("warn"), "logs[0].level"),
        ("/logs", json!([]), "logs[0]"),
        ("/context/order/total", json!(51), "context.order.total"),
        ("/context/none", json!(1), "context.none"),
        ("/failed_step", json!("call"), "failed_step"),
        ("/error_code", json!("HTTP_STATUS"), "error_code"),
        ("/error_contains", json!(["HTTP_STATUS"]), "error_contains"),
    ];
    for (pointer, value, place) in wrong {
        let mut expect = right();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        expect.pointer_mut(parent).unwrap()[name] = value;
        let case = stubbed(expect);
        let places: Vec<String> = judge(&case, &seen(&case)).into_iter().map(|one| one.place).collect();
        assert!(places.iter().any(|found| found == place), "{pointer}: {place} in {places:?}");
        assert!(places.iter().all(|found| found.starts_with(pointer[1..].split('/').next().unwrap())), "{places:?}");
    }
}

#[test]
fn a_call_without_a_stub_fails_and_says_so() {
    let case = case(
        json!({ "expect": { "status": "failed", "failed_step": "call", "error_contains": ["NO_STUB", "POST https://a.example/orders?page=1"] } }),
    );
    assert_eq!(judge(&case, &seen(&case)), []);
}

#[test]
fn steps_of_branches_come_in_any_order_and_others_do_not() {
    let plan = plan(
        "
workflow_id: branches
steps:
  - id: first
    type: set
    set: { a: 1 }
    next: both
  - id: both
    type: parallel
    parallel:
      branches:
        - - { id: left, type: set, set: { l: 1 } }
          - { id: left_more, type: set, set: { l: 2 } }
        - - { id: right, type: set, set: { r: 1 } }
    next: last
  - { id: last, type: set, set: { z: 1 } }
",
    );
    for (order, fits) in [
        (json!(["first", "both", "left", "left_more", "right", "last"]), true),
        (json!(["first", "both", "right", "left_more", "left", "last"]), true),
        (json!(["first", "both", "both.right", "both.left", "left_more", "last"]), true),
        (json!(["first", "both", "left", "left", "right", "last"]), false),
        (json!(["first", "both", "left", "last", "right", "left_more"]), false),
        (json!(["both", "first", "left", "left_more", "right", "last"]), false),
        (json!(["first", "both", "left", "left_more", "right"]), false),
    ] {
        let case = case(json!({ "expect": { "steps_visited": order } }));
        let differences = judge(&case, &run(&plan, &case).unwrap());
        assert_eq!(differences.is_empty(), fits, "{order}: {differences:?}");
    }
}

#[test]
fn executions_of_other_workflows_end_as_their_stubs_say() {
    let plan = plan(
        "
workflow_id: parent
steps:
  - id: child
    type: workflow
    workflow: { workflow_id: other, input: { a: 1 } }
    retry: { max_attempts: 2, retry_on: ['*'], delay: 1m }
    next: tell
  - { id: tell, type: action, action: { type: allow, reason: '{{steps.child.output.context.n}}' } }
",
    );
    let ends = json!([{ "workflow_id": "other", "responses": [{ "status": "failed" }, { "context": { "n": 7 } }] }]);
    let case = case(json!({ "stubs": { "workflows": ends }, "expect": { "status": "completed", "reason": "7" } }));
    let seen = run(&plan, &case).unwrap();
    assert_eq!(judge(&case, &seen), []);
    assert!(seen.ended.0 - seen.began.0 >= 60_000, "the delay before the second attempt goes by");
}

#[test]
fn an_update_writes_what_was_seen_and_keeps_what_holds() {
    let mut expect = right();
    expect["reason"] = json!("another");
    expect["steps_visited"] = json!(["call"]);
    let case = stubbed(expect.clone());
    let seen = seen(&case);
    let written = json!({ "id": "c", "expect": expect });
    let new = updated(written, &case, &seen, &judge(&case, &seen));
    assert_eq!(
        (&new["expect"]["reason"], &new["expect"]["steps_visited"]),
        (&json!("stop o-1"), &json!(["call", "decide"]))
    );
    assert_eq!(new["expect"]["logs"], right()["logs"], "a matcher that holds stays");
    let repaired = stubbed(new["expect"].clone());
    assert_eq!(judge(&repaired, &seen), []);

    let empty = stubbed(json!({}));
    let new = updated(json!({ "id": "c" }), &empty, &seen, &[]);
    let filled = stubbed(new["expect"].clone());
    assert_eq!((filled.expect.status.as_deref(), judge(&filled, &seen)), (Some("completed"), Vec::new()));
}

#[test]
fn a_case_that_means_nothing_is_refused_in_words() {
    for (text, words) in [
        ("{", "EOF"),
        (r#"{"id": "a", "workflow": "w", "expekt": {}}"#, "expekt"),
        (r#"{"id": "a", "workflow": "w", "expect": {"stattus": "x"}}"#, "stattus"),
        (r#"{"id": "a", "workflow": "w", "signals": [{"type": "wink"}]}"#, "wink"),
        (r#"{"id": "a", "workflow": "w", "stubs": {"now": "noon"}}"#, "2026-03-30T12:00:00Z"),
        (r#"{"id": "a", "workflow": "w", "checkpoints": [{"after_signals": 1, "status": "x"}]}"#, "there are 0"),
        (r#"[{"id": "a", "workflow": "w"}, {"id": "a", "workflow": "w"}]"#, "given twice"),
    ] {
        let told = cases(text, true).unwrap_err().to_string();
        assert!(told.contains(words), "{text}: {told}");
        if text.starts_with(['{', '[']) && text.len() > 1 {
            let told = cases(text, false).unwrap_err().to_string();
            assert!(told.contains(words), "as YAML: {text}: {told}");
        }
    }
    let endless = plan("
workflow_id: endless
steps:
  - id: again
    type: while
    while: { condition: { field: order.id, operator: exists }, max_iterations: 3, steps: [{ id: x, type: set, set: { a: 1 } }] }
");
    let case = case(json!({ "expect": { "status": "failed", "error_code": "LOOP_LIMIT" } }));
    assert_eq!(judge(&case, &run(&endless, &case).unwrap()), []);
    let bad = self::case(json!({ "signals": [{ "type": "advance", "by": "soon" }] }));
    assert!(run(&plan(CALLS), &bad).unwrap_err().to_string().contains("advance"));
}
