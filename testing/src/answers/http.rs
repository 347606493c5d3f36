//! HTTP calls.

use std::fmt::Write as _;
use std::time::Duration;

use engine::machine::{Body, EffectOutcome, HttpRequest};
use serde_json::{Map, Value, json};

use super::{Asked, Came, lost, no_stub, unexpected};
use crate::secrets::base64;
use crate::seen::HttpCall;
use crate::stubs::{HttpStub, StubbedAnswer, glob, is_for_step};

impl HttpStub {
    /// Whether it is meant for a call to one of these spellings of an address.
    pub(super) fn fits(&self, step: &str, method: &str, addresses: [&str; 2]) -> bool {
        is_for_step(self.step.as_ref(), step)
            && self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && addresses.iter().any(|address| glob(&self.url, address))
    }
}

/// The answer to a call, and how long it takes.
pub(super) fn answer(
    stubs: &[HttpStub],
    asked: &mut Asked,
    step: &str,
    request: &HttpRequest,
    timeout: Duration,
) -> Came {
    let url = with_query(request);
    let what = format!("{} {url}", request.method);
    let fits = |stub: &HttpStub| stub.fits(step, &request.method, [&request.url, &url]);
    let Some(answer) = asked.next(stubs, fits, |stub| stub.responses.as_slice()) else { return no_stub(&what) };
    if let Some(lost) = lost(answer, &what, timeout) {
        return lost;
    }
    let delay = Duration::from_millis(answer.delay_ms);
    if !request.expects(answer.status) {
        return (EffectOutcome::Failed(unexpected(answer, &what)), delay);
    }
    let output = json!({ "status": answer.status, "headers": headers(answer), "body": answer.body });
    (EffectOutcome::Succeeded { output }, delay)
}

/// The headers of an answer, by name in lower case.
pub(super) fn headers(answer: &StubbedAnswer) -> Map<String, Value> {
    answer.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

/// The address that is called.
pub(super) fn with_query(request: &HttpRequest) -> String {
    let mut url = request.url.clone();
    for (index, (name, value)) in request.query.iter().enumerate() {
        let mark = if index == 0 && !url.contains('?') { '?' } else { '&' };
        let _written = write!(url, "{mark}{name}={value}");
    }
    url
}

/// A call as it can be expected.
pub(super) fn seen(step: &str, request: &HttpRequest, outcome: &EffectOutcome) -> HttpCall {
    let headers = request.headers.iter().map(|(name, value)| (name.to_lowercase(), Value::String(value.clone())));
    let mut headers: Map<String, Value> = headers.collect();
    if let Some((name, password)) = &request.basic {
        let credentials = base64(format!("{name}:{password}").as_bytes());
        headers.insert("authorization".to_owned(), Value::String(format!("Basic {credentials}")));
    }
    let body = request.body.as_ref().map_or(Value::Null, |body| match body {
        Body::Json(value) => value.clone(),
        Body::Text(text) => Value::String(text.clone()),
        Body::Form(pairs) => pairs.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect(),
    });
    let (method, url) = (request.method.clone(), with_query(request));
    HttpCall { step: step.to_owned(), method, url, headers, body, status: status(outcome) }
}

/// The status of an answer; absent when there was none.
pub(super) fn status(outcome: &EffectOutcome) -> Option<u16> {
    match outcome {
        EffectOutcome::Succeeded { output } => output["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        EffectOutcome::Failed(error) => error.status,
        EffectOutcome::PutOff { .. } => None,
    }
}
