//! Channel `slack`: a message to a channel or a person, as `chat.postMessage` and incoming webhooks take it.

use engine::machine::{ErrorClass, StepError};
use serde_json::{Value, json};
use service::parts::Service;

use super::{Said, Sent, Unsent, id, post};
use crate::effects::call::Call;

pub(super) async fn send(call: &Call<'_>, service: &Service, said: &Said<'_>) -> Result<Sent, Unsent> {
    let text = match said.subject.as_deref() {
        Some(subject) => format!("*{subject}*\n{}", said.message),
        None => said.message.clone(),
    };
    let body = json!({ "channel": said.target, "text": text });
    let answer = post(call, service, body, &said.key, true).await?;
    refused(&answer).map_or_else(|| Ok(id(&answer, &["ts"])), |error| Err(error.into()))
}

/// Slack answers 200 also when it did nothing, and says so in the body.
fn refused(answer: &Value) -> Option<StepError> {
    if answer["ok"] != Value::Bool(false) {
        return None;
    }
    let why: String = answer["error"].as_str().unwrap_or("no reason").chars().take(100).collect();
    let retryable_class = match why.as_str() {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ErrorClass::Http(429),
        "internal_error" | "fatal_error" | "service_unavailable" | "team_added_to_org" => ErrorClass::Http(503),
        "request_timeout" => ErrorClass::Timeout,
        _other => ErrorClass::Other,
    };
    let error = StepError::other("CHAT_REFUSED", format!("Slack refused it: {why}"));
    Some(StepError { retryable_class, detail: Some(json!({ "error": why })), ..error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_ok_is_a_failure_whatever_its_status() {
        let class = |why: &str| refused(&json!({ "ok": false, "error": why })).unwrap().retryable_class;
        assert_eq!(class("channel_not_found"), ErrorClass::Other);
        assert_eq!(class("ratelimited"), ErrorClass::Http(429));
        assert_eq!(class("internal_error"), ErrorClass::Http(503));
        assert_eq!(refused(&json!({ "ok": true, "ts": "1.2" })), None);
        assert_eq!(refused(&json!("ok")), None, "incoming webhooks answer a text");
    }
}
