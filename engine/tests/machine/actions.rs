//! What actions do, what leaves, and what is kept of it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sluice_engine::machine::{Body, EffectOutcome, EffectRequest, ErrorClass, HttpRequest, Status};

use crate::sim::{Sim, call};

fn execute(actions: Value) -> Value {
    json!([{ "id": "do", "type": "execute", "execute": actions }])
}

fn http(sim: &Sim) -> &HttpRequest {
    match &sim.effects[0].request {
        EffectRequest::Http(request) => request,
        other => panic!("{other:?} left"),
    }
}

#[test]
fn an_http_action_is_rendered_whole_and_its_answer_is_data_and_output() {
    let steps = json!([
        { "id": "price", "type": "execute", "next": "keep", "execute": [{
            "type": "http_request", "method": "put", "url": "https://example.org/{{ order.id }}/price",
            "headers": { "X-Order": "{{ order.id }}", "X-None": "{{ order.none }}" },
            "query": { "tag": ["a", "b"], "n": 5 },
            "body": { "total": "{{ order.total }}" },
            "auth": { "bearer": "t0ken" }, "timeout": "5s", "expect_status": [201],
        }] },
        { "id": "keep", "type": "set", "set": { "price": "{{ data.price }}", "status": "{{ steps.price.output.status }}" } },
    ]);
    let mut sim = Sim::start(steps, json!({ "order": { "id": 7, "total": 12.5 } }));
    let request = http(&sim);
    assert_eq!((request.method.as_str(), request.url.as_str()), ("PUT", "https://example.org/7/price"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.headers, [pair("X-Order", "7"), pair("authorization", "Bearer t0ken")]);
    assert_eq!(request.query, [pair("n", "5"), pair("tag", "a"), pair("tag", "b")]);
    assert_eq!(request.body, Some(Body::Json(json!({ "total": 12.5 }))));
    assert_eq!((request.expect_status.as_slice(), request.is_webhook), ([201].as_slice(), false));
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(5));
    assert_eq!(sim.effects[0].key, "exe_1/price/1/0");
    sim.answer(json!({ "price": 9.99 }));
    assert_eq!((&sim.context()["price"], &sim.context()["status"]), (&json!(9.99), &json!(200)));

    let trace = sim.trace();
    let call = &trace.step("price").unwrap().attempts[0].calls[0];
    assert_eq!(call.request["headers"]["authorization"], "***", "credentials stay out of the journal");
    assert!(!serde_json::to_string(&sim.journal).unwrap().contains("t0ken"));
    assert_eq!(call.response.as_ref().unwrap()["body"]["price"], 9.99);
}

#[test]
fn a_form_is_sent_as_a_form_and_a_text_as_it_is() {
    let form = Sim::start(
        execute(json!([{ "type": "webhook", "url": "https://example.org", "form": { "a": 1, "b": "x y" } }])),
        json!({}),
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(http(&form).body, Some(Body::Form(vec![pair("a", "1"), pair("b", "x y")])));
    assert!(http(&form).is_webhook);
    let text = Sim::start(
        execute(json!([{ "type": "http_request", "url": "https://example.org", "body": "hello {{ name }}" }])),
        json!({ "name": "you" }),
    );
    assert_eq!(http(&text).body, Some(Body::Text("hello you".to_owned())));
    assert_eq!(http(&text).method, "POST");
}

#[test]
fn only_the_last_successful_answer_with_a_json_body_is_data() {
    let call =
        |path: &str| json!({ "type": "http_request", "url": format!("https://example.org/{path}"), "optional": true });
    let mut sim = Sim::start(execute(json!([call("a"), call("b"), call("c")])), json!({ "data": "the payload's" }));
    assert_eq!(sim.context()["data"], "the payload's");
    sim.answer(json!({ "n": 1 }));
    sim.fail("HTTP_STATUS", ErrorClass::Http(500));
    sim.answer(json!("plain text"));
    assert_eq!(sim.context()["data"], json!({ "n": 1 }));
}

#[test]
fn the_output_of_several_actions_is_a_list_and_save_as_keeps_each() {
    let mut sim = Sim::start(
        execute(json!([
            { "type": "http_request", "url": "https://example.org", "save_as": "answers.first" },
            { "type": "set", "set": { "sum": "{{ answers.first.body.n + 1 }}" } },
        ])),
        json!({ "answers": { "given": true } }),
    );
    sim.answer(json!({ "n": 41 }));
    let context = sim.context();
    assert_eq!(context["sum"], 42);
    assert_eq!(context["answers"]["given"], true, "what the payload has beside it stays");
    assert_eq!(context["steps"]["do"]["output"][0]["body"]["n"], 41);
    assert_eq!(context["steps"]["do"]["output"][1], json!({ "sum": 42 }));
}

#[test]
fn log_writes_a_line_with_its_level_and_data() {
    let sim = Sim::start(
        execute(
            json!([{ "type": "log", "message": "order {{ order.id }}", "level": "warn", "data": { "o": "{{ order }}" } }]),
        ),
        json!({ "order": { "id": 7 } }),
    );
    assert_eq!(sim.timeline()[3], "log Warn: order 7");
    let trace = sim.trace();
    assert_eq!((&trace.logs[0].data, trace.logs[0].step_path.as_str()), (&json!({ "o": { "id": 7 } }), "do"));
}

#[test]
fn emit_event_leaves_the_process_with_a_key_and_comes_back() {
    let mut sim = Sim::start(
        execute(json!([{ "type": "emit_event", "event": "order.{{ kind }}", "payload": { "id": "{{ id }}" } }])),
        json!({ "kind": "paid", "id": 7 }),
    );
    let effect = &sim.effects[0];
    assert_eq!(
        effect.request,
        EffectRequest::EmitEvent { event: "order.paid".to_owned(), payload: json!({ "id": 7 }) }
    );
    assert_eq!(effect.key, "exe_1/do/1/0");
    sim.finish(EffectOutcome::Succeeded { output: json!({ "event_id": "evt_1" }) });
    assert_eq!(sim.context()["steps"]["do"]["output"]["event_id"], "evt_1");
    assert!(sim.context().get("data").is_none(), "an event is no HTTP answer");
}

#[test]
fn an_event_without_a_name_fails_the_step() {
    let sim = Sim::start(execute(json!([{ "type": "emit_event", "event": "{{ missing }}" }])), json!({}));
    assert_eq!(sim.timeline().last().unwrap(), "failed INVALID_ACTION at do");
}

#[test]
fn an_answer_over_the_limit_is_truncated_with_a_marker_and_keeps_its_status() {
    let large = json!({ "text": "x".repeat(300 * 1024) });
    let mut cut = Sim::start(json!([call("get", json!({ "save_as": "got" }))]), json!({}));
    cut.answer(large.clone());
    let context = cut.context();
    for place in [&context["got"], &context["steps"]["get"]["output"]] {
        assert_eq!((&place["status"], &place["body"]["$truncated"]), (&json!(200), &json!(true)));
        assert_eq!(place["body"]["bytes"], 300 * 1024 + 11);
        assert!(place["body"]["preview"].as_str().unwrap().starts_with("{\"text\":\"xxx"));
    }
    assert_eq!(context["data"]["$truncated"], true, "no older answer is taken for this one");
    assert!(serde_json::to_string(&cut.journal).unwrap().len() < 20_000);

    let mut whole = Sim::start(json!([call("get", json!({ "keep_output": "full" }))]), json!({}));
    whole.answer(large.clone());
    assert_eq!(whole.context()["steps"]["get"]["output"]["body"], large);
}

#[test]
fn a_truncated_answer_does_not_come_back_through_the_list_of_outputs() {
    let action = json!({ "type": "http_request", "url": "https://example.org" });
    let mut sim = Sim::start(execute(json!([action, action])), json!({}));
    let most_of_the_limit = json!({ "text": "x".repeat(200 * 1024) });
    sim.answer(most_of_the_limit.clone());
    sim.answer(most_of_the_limit);
    assert_eq!(sim.context()["steps"]["do"]["output"]["$truncated"], true, "two of them are over it together");
}

#[test]
fn each_call_gets_what_is_left_of_its_steps_time() {
    let slow = json!({ "type": "http_request", "url": "https://example.org", "timeout": "20s" });
    let steps = json!([{ "id": "do", "type": "execute", "timeout": "30s", "execute": [slow, slow, slow] }]);
    let mut sim = Sim::start(steps, json!({}));
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(20), "its own bound is the smaller one");
    sim.now.0 += 18_000;
    sim.answer(json!({}));
    assert_eq!(sim.effects[0].timeout, Duration::from_secs(12));
    sim.now.0 += 12_000;
    assert_eq!(
        sim.answer(json!({})),
        ["do#1.1 ok", "do#1.2 STEP_TIMEOUT", "do failed STEP_TIMEOUT", "failed STEP_TIMEOUT at do"]
    );
    assert_eq!(sim.state.error().unwrap().retryable_class, ErrorClass::Timeout);
}

#[test]
fn actions_run_after_the_decision_whatever_it_is() {
    let mut sim = Sim::start(
        json!([{ "id": "no", "type": "action", "action": { "type": "block", "reason": "late" },
                 "execute": [{ "type": "webhook", "url": "https://example.org" }] }]),
        json!({}),
    );
    assert_eq!(sim.state.status(), Status::Running);
    assert_eq!(sim.timeline()[2..], ["no#1 action", "decided Blocked: late", "no#1.0 webhook left"]);
    sim.answer(json!({}));
    assert_eq!(sim.timeline().last().unwrap(), "completed Blocked");
}

#[test]
fn a_long_list_of_headers_cannot_hide_from_the_limit() {
    let mut names = Map::new();
    for index in 0..1_500 {
        names.insert(format!("{index}{}", "k".repeat(400)), json!(1));
    }
    let mut sim = Sim::start(json!([call("get", json!({}))]), json!({}));
    sim.answer(Value::Object(names));
    assert_eq!(sim.context()["steps"]["get"]["output"]["body"]["$truncated"], true);
}
