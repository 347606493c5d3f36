//! Questions to models, and answers that are not what was asked for.

use std::sync::Arc;
use std::time::Duration;

use engine::machine::{EffectRequest, ErrorClass, ModelCall};
use serde_json::{Value, json};
use service::parts::{AuthenticationKind, Service, ServiceKind};

use crate::failed;
use crate::parts::{Known, run, run_within, service, succeeded};
use crate::stub::{Stub, answer, header, json_answer};

fn model(url: &str, settings: &Value) -> Service {
    Service { kind: ServiceKind::Ai, ..service("ai", url, AuthenticationKind::Bearer, settings) }
}

fn known(service: Service) -> Arc<Known> {
    Arc::new(Known::default().secret("KEY", "s3cr3t-value", &[]).service(service))
}

fn asked(schema: Option<Value>, tools: Value) -> EffectRequest {
    EffectRequest::Model(Box::new(ModelCall {
        provider: None,
        model: "m-1".to_owned(),
        system: None,
        prompt: Some("Is it late?".to_owned()),
        template: None,
        schema,
        max_tokens: Some(100),
        temperature: None,
        tools,
    }))
}

fn chat(content: &str) -> Vec<u8> {
    let message = json!({ "role": "assistant", "content": content });
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 4 });
    let choices = json!([{ "message": message, "finish_reason": "stop" }]);
    json_answer(&json!({ "model": "m-1-2026", "choices": choices, "usage": usage }).to_string())
}

fn schema() -> Value {
    json!({ "type": "object", "required": ["late"], "properties": { "late": { "type": "boolean" } } })
}

#[tokio::test]
async fn a_question_goes_to_the_only_model_service_and_its_answer_fits_the_schema() {
    let stub = Stub::answering(|_| chat("{\"late\":true}")).await;
    let settings = json!({ "prices": { "m-1": { "input": 1, "output": 2 } } });
    let known = known(model(&stub.url("/v1"), &settings));
    let output = succeeded(run(&known, asked(Some(schema()), Value::Null), &[]).await);
    assert_eq!(output["json"], json!({ "late": true }));
    assert_eq!(output["usage"], json!({ "input_tokens": 10, "output_tokens": 4 }));
    assert_eq!((&output["cost"], &output["finish"]), (&json!(0.000_018), &json!("stop")));
    let seen = &stub.requests()[0];
    assert!(seen.starts_with("POST /v1/chat/completions HTTP/1.1"), "{seen}");
    assert_eq!(header(seen, "authorization"), Some("Bearer s3cr3t-value"));
    assert_eq!(header(seen, "idempotency-key"), Some("exe_1/tell/0/0/1"), "with the number of the attempt");
}

#[tokio::test]
async fn the_other_format_is_spoken_where_the_settings_say_so() {
    let said = json!({
        "model": "m-1", "stop_reason": "end_turn", "content": [{ "type": "text", "text": "yes" }],
        "usage": { "input_tokens": 3, "output_tokens": 1 },
    });
    let stub = Stub::answering(move |_| json_answer(&said.to_string())).await;
    let known = known(model(&stub.url("/v1"), &json!({ "format": "anthropic" })));
    let output = succeeded(run(&known, asked(None, Value::Null), &[]).await);
    assert_eq!((&output["text"], &output["cost"]), (&json!("yes"), &Value::Null));
    let seen = &stub.requests()[0];
    assert!(seen.starts_with("POST /v1/messages HTTP/1.1"), "{seen}");
    assert_eq!(header(seen, "anthropic-version"), Some("2023-06-01"));
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_asked_for_fails_and_shows_what_it_said() {
    for content in ["I think so", "{\"late\":\"yes\"}"] {
        let stub = Stub::answering(move |_| chat(content)).await;
        let known = known(model(&stub.url(""), &json!({})));
        let error = failed(run(&known, asked(Some(schema()), Value::Null), &[]).await);
        assert_eq!((error.code.as_str(), error.retryable_class), ("MODEL_ANSWER_INVALID", ErrorClass::Other));
        assert_eq!(error.detail.unwrap()["text"], content);
    }
    let stub = Stub::answering(|_| json_answer("{\"choices\":[]}")).await;
    let known = known(model(&stub.url(""), &json!({})));
    assert_eq!(failed(run(&known, asked(None, Value::Null), &[]).await).code, "MODEL_ANSWER_INVALID");
}

#[tokio::test]
async fn a_tool_outside_the_list_is_refused() {
    let call = json!({ "function": { "name": "drop_everything", "arguments": "{}" } });
    let message = json!({ "content": null, "tool_calls": [call] });
    let said = json!({ "choices": [{ "message": message, "finish_reason": "tool_calls" }] }).to_string();
    let stub = Stub::answering(move |_| json_answer(&said)).await;
    let known = known(model(&stub.url(""), &json!({})));
    let error = failed(run(&known, asked(None, json!(["refund"])), &[]).await);
    assert_eq!(error.code, "UNKNOWN_TOOL");
    let output = succeeded(run(&known, asked(None, json!(["drop_everything"])), &[]).await);
    assert_eq!(output["tool_calls"], json!([{ "name": "drop_everything", "input": {} }]));
}

#[tokio::test]
async fn a_provider_that_is_busy_broken_or_slow_fails_as_any_service() {
    let busy = Stub::answering(|_| answer("429 Too Many Requests", "retry-after: 7\r\n", "{}")).await;
    let error = failed(run(&known(model(&busy.url(""), &json!({}))), asked(None, Value::Null), &[]).await);
    assert_eq!(error.retryable_class, ErrorClass::Http(429));
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let overloaded = Stub::answering(|_| answer("529 Overloaded", "", "{}")).await;
    let error = failed(run(&known(model(&overloaded.url(""), &json!({}))), asked(None, Value::Null), &[]).await);
    assert_eq!(error.retryable_class, ErrorClass::Http(529));
    let silent = Stub::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let known = known(model(&silent.url(""), &json!({})));
    let outcome = run_within(&known, asked(None, Value::Null), &[], Duration::from_millis(300)).await;
    assert_eq!(failed(outcome).retryable_class, ErrorClass::Timeout);
}

#[tokio::test]
async fn without_a_model_service_or_with_several_nothing_is_asked() {
    let error = failed(run(&Arc::new(Known::default()), asked(None, Value::Null), &[]).await);
    assert_eq!(error.code, "UNKNOWN_SERVICE");
    let two = Known::default().service(model("http://127.0.0.1:1", &json!({})));
    let two = two.service(model("http://127.0.0.1:2", &json!({})));
    assert_eq!(failed(run(&Arc::new(two), asked(None, Value::Null), &[]).await).code, "UNKNOWN_SERVICE");
}
