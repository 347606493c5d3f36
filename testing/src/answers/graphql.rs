//! GraphQL requests: answered by stubs of their own, or by those of HTTP calls.

use std::time::Duration;

use engine::machine::{CallTo, EffectOutcome, GraphqlCall, StepError};
use serde_json::{Map, Value, json};

use super::http::{headers, status};
use super::{Asked, Came, lost, no_stub, unexpected};
use crate::case::Stubs;
use crate::seen::HttpCall;
use crate::stubs::{GraphqlStub, HttpStub, StubbedAnswer, StubbedData, glob, is_for_step};

/// How often the stubs were asked that may answer.
pub(super) struct Turns<'t> {
    pub(super) graphql: &'t mut Asked,
    pub(super) http: &'t mut Asked,
}

/// Where a request goes, as stubs and expectations name it.
fn address(call: &GraphqlCall) -> String {
    match &call.to {
        CallTo::Url(url) => url.clone(),
        CallTo::Service(name) => format!("service:{name}"),
    }
}

/// The answer to a request, and how long it takes.
pub(super) fn answer(stubs: &Stubs, turns: &mut Turns<'_>, step: &str, call: &GraphqlCall, timeout: Duration) -> Came {
    let url = address(call);
    let what = format!("POST {url}");
    let fits = |stub: &GraphqlStub| is_for_step(stub.step.as_ref(), step) && glob(&stub.url, &url);
    let own = turns.graphql.next(&stubs.graphql, fits, |stub| stub.responses.as_slice()).map(StubbedData::over_http);
    let fits = |stub: &HttpStub| stub.fits(step, "POST", [&url, &url]);
    let answer = own.or_else(|| turns.http.next(&stubs.http, fits, |stub| stub.responses.as_slice()).cloned());
    let Some(answer) = answer else { return no_stub(&what) };
    if let Some(lost) = lost(&answer, &what, timeout) {
        return lost;
    }
    (outcome(call, &answer, &what), Duration::from_millis(answer.delay_ms))
}

/// What an answer means: of its body the data, unless it tells errors.
fn outcome(call: &GraphqlCall, answer: &StubbedAnswer, what: &str) -> EffectOutcome {
    if !(200..300).contains(&answer.status) {
        return EffectOutcome::Failed(unexpected(answer, what));
    }
    let whose = match &call.to {
        CallTo::Url(_) => "the GraphQL service".to_owned(),
        CallTo::Service(name) => format!("`{name}`"),
    };
    let failed = |code: &str, message: String, detail: Option<Value>| {
        let status = Some(answer.status);
        EffectOutcome::Failed(StepError { status, detail, ..StepError::other(code, message) })
    };
    let body = &answer.body;
    if let Some(first) = body["errors"].get(0) {
        let said = first["message"].as_str().unwrap_or("no message");
        let message = format!("{whose} answered with an error: {said}");
        return failed("GRAPHQL_ERROR", message, Some(body["errors"].clone()));
    }
    let Some(data) = body.get("data") else {
        let message = format!("{whose} answered with something else than GraphQL: no object with `data` or `errors`");
        return failed("INVALID_RESPONSE_BODY", message, None);
    };
    let mut output = json!({ "status": answer.status, "headers": headers(answer), "body": data });
    for name in ["errors", "extensions"] {
        if !body[name].is_null() {
            output[name] = body[name].clone();
        }
    }
    EffectOutcome::Succeeded { output }
}

/// A request as it can be expected: it is an HTTP call.
pub(super) fn seen(step: &str, call: &GraphqlCall, outcome: &EffectOutcome) -> HttpCall {
    let mut body = json!({ "query": call.query });
    if !call.variables.is_null() {
        body["variables"] = call.variables.clone();
    }
    HttpCall {
        step: step.to_owned(),
        method: "POST".to_owned(),
        url: address(call),
        headers: Map::new(),
        body,
        status: status(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_the_body_and_an_error_fails_with_the_first_message() {
        let call =
            GraphqlCall { to: CallTo::Service("shop".to_owned()), query: "{ a }".to_owned(), variables: Value::Null };
        let of = |body: Value| {
            let answer = StubbedAnswer { status: 200, headers: Map::new(), body, error: None, delay_ms: 0 };
            outcome(&call, &answer, "POST service:shop")
        };
        let output = json!({ "status": 200, "headers": {}, "body": { "order": { "total": 5 } } });
        assert_eq!(of(json!({ "data": { "order": { "total": 5 } } })), EffectOutcome::Succeeded { output });
        for (body, code, words) in [
            (json!({ "data": null, "errors": [{ "message": "no such order" }] }), "GRAPHQL_ERROR", "no such order"),
            (json!({ "ok": true }), "INVALID_RESPONSE_BODY", "`shop` answered with something else"),
            (json!("ok"), "INVALID_RESPONSE_BODY", "something else than GraphQL"),
        ] {
            let EffectOutcome::Failed(error) = of(body) else { panic!("it must fail with {code}") };
            assert_eq!(error.code, code);
            assert!(error.message.contains(words), "{}", error.message);
        }
    }
}
