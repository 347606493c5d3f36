//! Action `graphql_request`: a document and its variables as JSON, and `data` of the answer as the body.

use engine::machine::{Body, CallTo, EffectOutcome, ErrorClass, GraphqlCall, HttpRequest, StepError};
use serde_json::{Map, Value, json};
use service::parts::Service;

use super::call::Call;
use super::service_call;

/// Characters of the service's message in the error of the step.
const MAX_MESSAGE: usize = 1_000;
/// Errors of an answer that are kept.
const MAX_ERRORS: usize = 10;
/// Bytes of errors that are kept whole; of larger ones only the messages are.
const MAX_ERROR_BYTES: usize = 16 * 1_024;

/// `key` tells the call from others of the same effect.
pub(super) async fn run(call: &Call<'_>, asked: &GraphqlCall, key: &str) -> EffectOutcome {
    match answered(call, asked, key).await {
        Ok(outcome) => outcome,
        Err(problem) => EffectOutcome::Failed(problem),
    }
}

async fn answered(call: &Call<'_>, asked: &GraphqlCall, key: &str) -> Result<EffectOutcome, StepError> {
    let mut body = Map::new();
    body.insert("query".to_owned(), Value::String(asked.query.clone()));
    if !asked.variables.is_null() {
        body.insert("variables".to_owned(), asked.variables.clone());
    }
    let body = Body::Json(Value::Object(body));
    let service = match &asked.to {
        CallTo::Url(_) => None,
        CallTo::Service(name) => Some(call.service(name).await?),
    };
    let mut request = match (&service, &asked.to) {
        (Some(service), _) => service_call::request(service, "POST", "", Some(body))?,
        (None, CallTo::Url(url) | CallTo::Service(url)) => to_url(url, body),
    };
    if !request.headers.iter().any(|(name, _)| name == "accept") {
        let accepted = "application/graphql-response+json, application/json;q=0.9";
        request.headers.push(("accept".to_owned(), accepted.to_owned()));
    }
    Ok(match call.send(request, key, service.as_ref()).await {
        EffectOutcome::Succeeded { output } => read(output, service.as_ref()),
        other => other,
    })
}

fn to_url(url: &str, body: Body) -> HttpRequest {
    HttpRequest {
        is_webhook: false,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        basic: None,
        query: Vec::new(),
        body: Some(body),
        expect_status: Vec::new(),
        max_response_bytes: None,
    }
}

/// From an HTTP answer to a GraphQL answer: `data` takes the place of the body, unless there are errors.
fn read(mut output: Value, service: Option<&Service>) -> EffectOutcome {
    let status = output["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let whose = service.map_or_else(|| "the GraphQL service".to_owned(), |service| format!("`{}`", service.name));
    let Value::Object(mut answer) = output["body"].take() else {
        return no_answer(&whose, status);
    };
    let (data, errors) = (answer.remove("data"), answer.remove("errors"));
    if let Some(Value::Array(errors)) = &errors
        && let Some(first) = errors.first()
    {
        let said = first["message"].as_str().unwrap_or("no message");
        let message = format!("{whose} answered with an error: {}", shortened(said));
        let detail = Some(Value::Array(bounded(errors)));
        return EffectOutcome::Failed(StepError { status, detail, ..StepError::other("GRAPHQL_ERROR", message) });
    }
    let Some(data) = data else { return no_answer(&whose, status) };
    output["body"] = data;
    for (name, value) in [("errors", errors), ("extensions", answer.remove("extensions"))] {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            output[name] = value;
        }
    }
    EffectOutcome::Succeeded { output }
}

fn no_answer(whose: &str, status: Option<u16>) -> EffectOutcome {
    EffectOutcome::Failed(StepError {
        code: "INVALID_RESPONSE_BODY".to_owned(),
        message: format!("{whose} answered with something else than GraphQL: no object with `data` or `errors`"),
        status,
        retryable_class: ErrorClass::Other,
        retry_after: None,
        detail: None,
    })
}

/// Errors as they are kept in the journal.
fn bounded(errors: &[Value]) -> Vec<Value> {
    let first = &errors[..errors.len().min(MAX_ERRORS)];
    let bytes: usize = first.iter().map(|error| error.to_string().len()).sum();
    if bytes <= MAX_ERROR_BYTES {
        return first.to_vec();
    }
    first.iter().map(|error| json!({ "message": shortened(error["message"].as_str().unwrap_or_default()) })).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_body(body: Value) -> EffectOutcome {
        read(json!({ "status": 200, "headers": {}, "body": body }), None)
    }

    fn failed(outcome: EffectOutcome) -> StepError {
        match outcome {
            EffectOutcome::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_is_the_body_and_what_else_the_service_says_stands_beside_it() {
        let body = json!({ "data": { "order": { "total": 5 } }, "errors": [], "extensions": { "cost": 3 }, "x": 1 });
        let output = json!({
            "status": 200,
            "headers": {},
            "body": { "order": { "total": 5 } },
            "errors": [],
            "extensions": { "cost": 3 },
        });
        assert_eq!(read_body(body), EffectOutcome::Succeeded { output });
        let nothing = EffectOutcome::Succeeded { output: json!({ "status": 200, "headers": {}, "body": null }) };
        assert_eq!(read_body(json!({ "data": null, "errors": null })), nothing);
    }

    #[test]
    fn errors_fail_even_beside_data() {
        let errors = json!([{ "message": "no such order", "path": ["order"] }, { "message": "two" }]);
        let error = failed(read_body(json!({ "data": { "order": null }, "errors": errors.clone() })));
        assert_eq!((error.code.as_str(), error.status), ("GRAPHQL_ERROR", Some(200)));
        assert_eq!(error.message, "the GraphQL service answered with an error: no such order");
        assert_eq!(error.detail, Some(errors));
    }

    #[test]
    fn many_and_large_errors_are_cut() {
        let large = json!({ "message": "m".repeat(5_000), "extensions": { "trace": "t".repeat(20_000) } });
        let error = failed(read_body(json!({ "errors": vec![large; 50] })));
        let detail = error.detail.unwrap();
        assert_eq!(detail.as_array().unwrap().len(), MAX_ERRORS);
        assert_eq!(detail[0], json!({ "message": "m".repeat(MAX_MESSAGE) }));
    }

    #[test]
    fn what_is_no_answer_fails() {
        for body in [json!(null), json!("<html>"), json!([]), json!({}), json!({ "errors": [] })] {
            assert_eq!(failed(read_body(body.clone())).code, "INVALID_RESPONSE_BODY", "{body}");
        }
    }
}
