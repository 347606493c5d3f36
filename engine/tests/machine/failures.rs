//! Retries, `on_error`, optional actions.

use std::time::Duration;

use serde_json::json;
use sluice_engine::Timestamp;
use sluice_engine::machine::{Command, EffectOutcome, ErrorClass, Refused, Status, StepStatus, WaitKind, waits};

use crate::sim::{Sim, call, error};

#[test]
fn on_error_takes_over_with_the_error_in_the_context() {
    let mut sim = Sim::start(
        json!([
            call("charge", json!({ "on_error": "explain" })),
            { "id": "explain", "type": "set",
              "set": { "said": "{{ error.step }}: {{ error.code }} ({{ error.status }}), {{ error.message }}" } },
        ]),
        json!({ "order": { "id": 7 }, "error": { "code": "MINE", "mine": true } }),
    );
    sim.fail("HTTP_STATUS", ErrorClass::Http(402));
    assert_eq!(
        sim.timeline()[3..],
        [
            "charge#1.0 http_request left",
            "charge#1.0 HTTP_STATUS",
            "charge failed HTTP_STATUS -> explain",
            "explain#1 set",
            "set said = \"charge: HTTP_STATUS (402), it did not work\"",
            "explain ok",
            "completed Executed",
        ]
    );
    assert!(sim.context()["error"].get("mine").is_none(), "the engine's error does not mix with the payload's");
    assert_eq!(sim.context()["steps"]["charge"]["status"], "failed");
    assert_eq!(sim.context()["steps"]["charge"]["error"]["code"], "HTTP_STATUS");
}

#[test]
fn without_on_error_a_failed_step_fails_the_execution() {
    let mut sim = Sim::start(json!([call("charge", json!({}))]), json!({ "order": { "id": 7 } }));
    sim.fail("CONNECTION_REFUSED", ErrorClass::Connection);
    assert_eq!(
        sim.timeline()[4..],
        ["charge#1.0 CONNECTION_REFUSED", "charge failed CONNECTION_REFUSED", "failed CONNECTION_REFUSED at charge"]
    );
    assert_eq!(sim.state.failed_step(), Some("charge"));
}

#[test]
fn a_retry_waits_without_a_worker_and_then_succeeds_under_the_same_key() {
    let step = call("charge", json!({ "retry": { "max_attempts": 3, "delay": "1s" }, "save_as": "receipt" }));
    let mut sim = Sim::start(json!([step]), json!({ "order": { "id": 7 } }));
    let first = sim.effects[0].clone();
    sim.fail("HTTP_STATUS", ErrorClass::Http(503));
    assert_eq!(sim.state.status(), Status::Waiting);
    let waits = waits(&sim.plan, &sim.origin, &sim.state);
    assert_eq!((waits.len(), waits[0].kind, waits[0].step_path.as_str()), (1, WaitKind::Retry, "charge"));
    assert_eq!(waits[0].due_at, Some(Timestamp(sim.now.0 + 1000)));
    assert_eq!(sim.trace().step("charge").unwrap().next_attempt_at, waits[0].due_at);

    assert!(sim.wake_after(999).is_empty(), "a wake before the time does nothing");
    sim.wake_after(1);
    let second = &sim.effects[0];
    assert_eq!((second.id.attempt, &second.key), (2, &first.key));
    sim.fail("STEP_TIMEOUT", ErrorClass::Timeout);
    sim.wake_after(5000);
    sim.answer(json!({ "paid": true }));
    assert_eq!(
        sim.timeline()[2..],
        [
            "charge#1 execute",
            "charge#1.0 http_request left",
            "charge#1.0 HTTP_STATUS",
            "charge#1 HTTP_STATUS, again in 1000 ms",
            "suspended",
            "resumed",
            "charge#2 execute",
            "charge#2.0 http_request left",
            "charge#2.0 STEP_TIMEOUT",
            "charge#2 STEP_TIMEOUT, again in 2000 ms",
            "suspended",
            "resumed",
            "charge#3 execute",
            "charge#3.0 http_request left",
            "charge#3.0 ok",
            "set receipt = {\"body\":{\"paid\":true},\"headers\":{},\"status\":200}",
            "charge ok",
            "completed Executed",
        ]
    );
    assert_eq!(sim.context()["steps"]["charge"]["attempts"], 3);
    let trace = sim.trace();
    let attempts: Vec<_> = trace.steps[0].attempts.iter().map(|attempt| (attempt.number, attempt.status)).collect();
    assert_eq!(attempts, [(1, StepStatus::Failed), (2, StepStatus::Failed), (3, StepStatus::Succeeded)]);
    assert_eq!(trace.steps.len(), 1, "a retried step is one passage");
}

#[test]
fn when_every_attempt_fails_the_step_fails() {
    let retry =
        json!({ "retry": { "max_attempts": 2, "backoff": "constant", "delay": "100ms" }, "on_error": "rescue" });
    let steps = json!([call("charge", retry), { "id": "rescue", "type": "set", "set": { "rescued": true } }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.fail("CONNECTION_FAILED", ErrorClass::Connection);
    sim.wake_after(100);
    assert_eq!(
        sim.fail("CONNECTION_FAILED", ErrorClass::Connection),
        [
            "charge#2.0 CONNECTION_FAILED",
            "charge failed CONNECTION_FAILED -> rescue",
            "rescue#1 set",
            "set rescued = true",
            "rescue ok",
            "completed Executed",
        ]
    );
}

#[test]
fn only_the_wanted_classes_of_errors_are_tried_again() {
    let cases = [
        (json!(null), ErrorClass::Timeout, "STEP_TIMEOUT", true),
        (json!(null), ErrorClass::Connection, "DNS_FAILED", true),
        (json!(null), ErrorClass::Http(500), "HTTP_STATUS", true),
        (json!(null), ErrorClass::Http(429), "HTTP_STATUS", true),
        (json!(null), ErrorClass::Http(404), "HTTP_STATUS", false),
        (json!(null), ErrorClass::Other, "EGRESS_DENIED", false),
        (json!(["*"]), ErrorClass::Other, "EGRESS_DENIED", true),
        (json!(["4xx"]), ErrorClass::Http(404), "HTTP_STATUS", true),
        (json!(["4xx"]), ErrorClass::Http(500), "HTTP_STATUS", false),
        (json!([409]), ErrorClass::Http(409), "HTTP_STATUS", true),
        (json!([409]), ErrorClass::Http(408), "HTTP_STATUS", false),
        (json!(["RESPONSE_TOO_LARGE"]), ErrorClass::Other, "RESPONSE_TOO_LARGE", true),
        (json!(["timeout"]), ErrorClass::Connection, "CONNECTION_FAILED", false),
    ];
    for (retry_on, class, code, is_tried_again) in cases {
        let mut retry = json!({ "max_attempts": 2 });
        if !retry_on.is_null() {
            retry["retry_on"] = retry_on.clone();
        }
        let mut sim = Sim::start(json!([call("charge", json!({ "retry": retry }))]), json!({}));
        sim.fail(code, class);
        assert_eq!(sim.state.status() == Status::Waiting, is_tried_again, "{retry_on} {class:?} {code}");
    }
}

#[test]
fn a_retry_after_answer_is_honoured() {
    let step = call("charge", json!({ "retry": { "max_attempts": 2, "delay": "1s" } }));
    let mut sim = Sim::start(json!([step]), json!({}));
    let mut busy = error("HTTP_STATUS", ErrorClass::Http(429));
    busy.retry_after = Some(Duration::from_secs(20));
    let lines = sim.finish(EffectOutcome::Failed(busy));
    assert_eq!(lines[1], "charge#1 HTTP_STATUS, again in 20000 ms");
}

#[test]
fn a_list_stops_at_the_first_failure_and_begins_anew_with_the_next_attempt() {
    let steps = json!([{
        "id": "pay", "type": "execute", "retry": { "max_attempts": 2, "delay": "1s" },
        "execute": [
            { "type": "http_request", "url": "https://example.org/reserve" },
            { "type": "http_request", "url": "https://example.org/charge" },
            { "type": "log", "message": "paid" },
        ],
    }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.answer(json!({}));
    sim.fail("HTTP_STATUS", ErrorClass::Http(500));
    sim.wake_after(1000);
    sim.answer(json!({}));
    sim.answer(json!({}));
    assert_eq!(
        sim.timeline()[2..],
        [
            "pay#1 execute",
            "pay#1.0 http_request left",
            "pay#1.0 ok",
            "pay#1.1 http_request left",
            "pay#1.1 HTTP_STATUS",
            "pay#1 HTTP_STATUS, again in 1000 ms",
            "suspended",
            "resumed",
            "pay#2 execute",
            "pay#2.0 http_request left",
            "pay#2.0 ok",
            "pay#2.1 http_request left",
            "pay#2.1 ok",
            "log Info: paid",
            "pay#2.2 ok",
            "pay ok",
            "completed Executed",
        ]
    );
}

#[test]
fn a_failed_optional_action_is_recorded_and_passed_over() {
    let steps = json!([{
        "id": "tell", "type": "execute",
        "execute": [
            { "type": "http_request", "url": "https://example.org/a", "optional": true },
            { "type": "log", "message": "went on" },
        ],
    }]);
    let mut sim = Sim::start(steps, json!({}));
    assert_eq!(
        sim.fail("HTTP_STATUS", ErrorClass::Http(500)),
        [
            "tell#1.0 HTTP_STATUS",
            "warning: an optional action failed: HTTP_STATUS: it did not work",
            "log Info: went on",
            "tell#1.1 ok",
            "tell ok",
            "completed Executed",
        ]
    );
    let output = &sim.context()["steps"]["tell"]["output"];
    assert_eq!(output[0]["error"]["code"], "HTTP_STATUS");
    assert_eq!(output[1]["message"], "went on");
}

#[test]
fn an_expression_without_a_value_fails_its_step_with_a_code() {
    let steps = json!([
        { "id": "sum", "type": "set", "set": { "a": "{{ name + 1 }}" }, "on_error": "next" },
        { "id": "next", "type": "set", "set": { "code": "{{ error.code }}" } },
    ]);
    let sim = Sim::start(steps, json!({ "name": ["x"] }));
    assert_eq!(sim.context()["code"], "EXPRESSION_FAILED");
}

#[test]
fn a_step_behind_a_when_without_an_answer_is_not_begun_by_a_retry() {
    let step = call(
        "charge",
        json!({ "when": { "expression": "name + 1 > 2" }, "retry": { "max_attempts": 3, "retry_on": ["*"] } }),
    );
    let sim = Sim::start(json!([step]), json!({ "name": ["x"] }));
    assert_eq!(
        sim.timeline()[2..],
        ["charge#1 execute", "charge failed EXPRESSION_FAILED", "failed EXPRESSION_FAILED at charge"]
    );
}

#[test]
fn a_late_or_unknown_outcome_is_refused_and_changes_nothing() {
    let step = call("charge", json!({ "retry": { "max_attempts": 2, "delay": "1s" } }));
    let mut sim = Sim::start(json!([step]), json!({}));
    let first = sim.effects[0].id.clone();
    sim.fail("STEP_TIMEOUT", ErrorClass::Timeout);
    sim.wake_after(1000);
    let late = Command::EffectDone { effect: first, outcome: crate::sim::ok(json!({})) };
    assert_eq!(
        sim.try_command(late.clone()),
        Err(Refused::NotUnderWay { step: "charge".to_owned(), attempt: 1, action: 0 })
    );
    sim.answer(json!({}));
    assert_eq!(sim.try_command(late), Err(Refused::Ended));
    assert_eq!(sim.try_command(Command::Wake), Err(Refused::Ended));
}
