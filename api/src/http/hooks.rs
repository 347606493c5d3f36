//! `/hooks/{organization}/{path}`: calls from outside that start workflows.
//!
//! Nobody is signed in here: a call proves itself by a signature over its body. What fails to is paid by the address
//! that it came from, what does not by the hook.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use service::hooks::{self, Call, Hook};
use service::{Code, Origin, ServiceError, Services};

use super::{body, refusal, told};
use crate::config::{HttpConfig, admits_origin};
use crate::origin;
use crate::rates::{Account, REFUSED_CREDENTIALS};

/// What the route works with.
#[derive(Clone)]
pub(super) struct Desk {
    services: Services,
    config: Arc<HttpConfig>,
}

impl Desk {
    pub(super) fn new(services: Services, config: &HttpConfig) -> Self {
        Self { services, config: Arc::new(config.clone()) }
    }
}

/// Starts the workflow whose hook is called; answers when that is durable.
pub(super) async fn call(
    State(desk): State<Desk>,
    Path((organization, path)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (parts, sent) = request.into_parts();
    if !admits_origin(&desk.config, &parts.uri, &parts.headers) {
        return counted(
            "refused",
            refusal(StatusCode::FORBIDDEN, Code::Forbidden, "pages of this origin may not call"),
        );
    }
    let origin = origin::of(&desk.config.proxies, &parts.headers, &parts.extensions);
    // Before the body: what nobody waits for is not read.
    let hook = match hooks::find(&desk.services, &organization, &path, parts.method.as_str()).await {
        Ok(Some(hook)) => hook,
        Ok(None) => {
            let message = format!("no published workflow is called with {} at this address", parts.method);
            return desk.paid_by_address(&origin, StatusCode::NOT_FOUND, Code::NotFound, message).await;
        }
        Err(error) => return failed(&error),
    };
    let limit = desk.services.settings().max_payload_bytes;
    let sent = match body::read(&parts.headers, sent, limit, desk.config.body_timeout).await {
        Ok(sent) => sent,
        Err(error) => return counted("refused", refusal(error.status(), error.code(), error.to_string())),
    };
    if !sent.is_empty() && !is_json(&parts.headers) {
        let message = "send the body as `Content-Type: application/json`";
        return counted("refused", refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadRequest, message));
    }
    let call = Call {
        query: parts.uri.query().map(str::to_owned),
        headers: single(&parts.headers),
        body: sent.into(),
        origin,
    };
    // In a task of its own, so that nothing stays half done when the caller goes away.
    let answer = tokio::spawn(async move { desk.take(hook, call).await }).await;
    answer.unwrap_or_else(|panic| {
        failed(&ServiceError::Internal { what: "a call of a hook broke", source: panic.into() })
    })
}

impl Desk {
    async fn take(&self, hook: Hook, call: Call) -> Response {
        let proof = match hook.recognise(&self.services, &call).await {
            Ok(Ok(proof)) => proof,
            Ok(Err(unproven)) => {
                let (status, code) = (StatusCode::UNAUTHORIZED, Code::Unauthenticated);
                return self.paid_by_address(&call.origin, status, code, unproven.to_string()).await;
            }
            Err(error) => return failed(&error),
        };
        let account = Account::of(&self.config.rates, self.config.rates.hook(hook.id()));
        let mut response = match account.pay(1).await {
            Ok(()) => match hook.deliver(&self.services, call, proof).await {
                Ok(started) => {
                    let (status, outcome) =
                        if started.is_new { (StatusCode::ACCEPTED, "accepted") } else { (StatusCode::OK, "repeated") };
                    let body = json!({ "executionId": started.execution, "isNew": started.is_new });
                    counted(outcome, (status, axum::Json(body)).into_response())
                }
                Err(error) => failed(&error),
            },
            Err(limited) => {
                counted("limited", refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, limited.message))
            }
        };
        account.tell(response.headers_mut());
        response
    }

    /// A refusal of somebody who is not known, and whose address pays for it as for wrong credentials.
    async fn paid_by_address(&self, origin: &Origin, status: StatusCode, code: Code, message: String) -> Response {
        let account = Account::open(&self.config.rates, None, origin);
        let mut response = match account.pay(REFUSED_CREDENTIALS).await {
            Ok(()) => counted("unproven", refusal(status, code, message)),
            Err(limited) => {
                counted("limited", refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, limited.message))
            }
        };
        account.tell(response.headers_mut());
        response
    }
}

/// The answer to a call that started nothing.
fn failed(error: &ServiceError) -> Response {
    counted("refused", told::error(error, "a call of a hook"))
}

fn counted(outcome: &'static str, response: Response) -> Response {
    metrics::counter!("sluice_hook_calls_total", "outcome" => outcome).increment(1);
    response
}

/// `application/json`, or anything that is written in it.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    name == "application/json" || (name.starts_with("application/") && name.ends_with("+json"))
}

/// Headers that came once and are text: of two with the same name, nobody knows which one was signed.
pub(super) fn single(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers.keys();
    let one = |name: &header::HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned())),
            _none_or_several => None,
        }
    };
    names.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_body_is_json_by_its_type() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"] {
            assert!(is_json(&headers(&[("content-type", good)])), "{good}");
        }
        for wrong in ["text/plain", "application/x-www-form-urlencoded", "", "text/x+json"] {
            assert!(!is_json(&headers(&[("content-type", wrong)])), "{wrong}");
        }
    }

    #[test]
    fn a_header_that_came_twice_counts_as_none() {
        let mut twice = headers(&[("webhook-id", "a"), ("x-once", "b")]);
        twice.append("webhook-id", HeaderValue::from_static("c"));
        assert_eq!(single(&twice), BTreeMap::from([("x-once".to_owned(), "b".to_owned())]));
    }
}
