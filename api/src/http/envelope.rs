//! What surrounds every request: id, span, host check, caught panics, security headers, metrics.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::json;
use service::Code;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::refusal;
use crate::config::{HostCheck, HttpConfig};
use crate::errors;
use crate::request_id::{self, RequestId};

/// For answers that are data. Pages bring their own.
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, NO_CONTENT),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// What holds for every answer.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    hosts: HostCheck,
    hsts: Option<HeaderValue>,
}

impl Rules {
    pub fn of(config: &HttpConfig) -> Self {
        let hsts = config.hsts.map(|time| {
            let text = format!("max-age={}; includeSubDomains", time.as_secs());
            HeaderValue::from_str(&text).expect("letters, digits and signs")
        });
        Self { hosts: config.hosts, hsts }
    }
}

/// Bodies never reach the log; the span tells what was asked where, and how it ended.
pub(super) async fn wrap(State(rules): State<Rules>, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let id = RequestId::of(request.headers());
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "http.request",
        request.id = %id,
        http.method = method,
        http.route = route,
        http.status = Empty,
        http.duration_ms = Empty
    );
    request.extensions_mut().insert(id.clone());

    let mut response = if rules.hosts.admits(request.uri(), request.headers()) {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
        answer.await.unwrap_or_else(|payload| span.in_scope(|| broken(&*payload, &id)))
    } else {
        refusal(StatusCode::FORBIDDEN, Code::Forbidden, "this server does not answer for that host name")
    };

    finish_headers(response.headers_mut(), &id);
    if let Some(hsts) = rules.hsts {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts);
    }
    record(&span, method, route, response.status(), begin);
    response
}

fn broken(payload: &(dyn std::any::Any + Send), id: &RequestId) -> Response {
    tracing::error!(panic = errors::panic_text(payload), "a request handler panicked");
    metrics::counter!("sluice_panics_total", "where" => "handler").increment(1);
    let extensions = json!({ "code": Code::Internal.as_str(), "requestId": id.as_str() });
    let body = json!({ "errors": [{ "message": errors::INTERNAL_MESSAGE, "extensions": extensions }] });
    (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
}

fn finish_headers(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(request_id::HEADER, id.header_value());
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert_with(|| HeaderValue::from_static(value));
    }
}

fn record(span: &Span, method: &'static str, route: String, status: StatusCode, begin: Instant) {
    let took = begin.elapsed();
    span.record("http.status", status.as_u16());
    span.record("http.duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!("a request failed");
        } else {
            tracing::debug!("a request was answered");
        }
    });
    let status = status.as_str().to_owned();
    metrics::counter!("sluice_http_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("sluice_http_request_seconds", "method" => method, "route" => route).record(took.as_secs_f64());
}

/// Callers may invent methods; a metric must not grow with what they invent.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
