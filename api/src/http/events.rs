//! `POST /events/{organization}`: CloudEvents of callers with credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use service::events::cloud::{self, Received};
use service::{Code, Origin, ServiceError, Services, Viewer};

use super::hooks::single;
use super::{body, refusal, told};
use crate::config::{HttpConfig, admits_origin};
use crate::origin;
use crate::rates::{Account, REFUSED_CREDENTIALS};
use crate::viewers::{AuthError, ViewerSource};

/// What the route works with.
#[derive(Clone)]
pub(super) struct Desk {
    services: Services,
    viewers: ViewerSource,
    config: Arc<HttpConfig>,
}

impl Desk {
    pub(super) fn new(services: Services, viewers: ViewerSource, config: &HttpConfig) -> Self {
        Self { services, viewers, config: Arc::new(config.clone()) }
    }
}

/// Accepts an event or a batch of them; answers when that is durable, with what each is called here.
pub(super) async fn post(
    State(desk): State<Desk>,
    Path(organization): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, sent) = request.into_parts();
    if !admits_origin(&desk.config, &parts.uri, &parts.headers) {
        return refusal(StatusCode::FORBIDDEN, Code::Forbidden, "pages of this origin may not use the API");
    }
    let origin = origin::of(&desk.config.proxies, &parts.headers, &parts.extensions);
    let viewer = match desk.viewer(&parts.headers, &origin, &organization).await {
        Ok(viewer) => viewer,
        Err(response) => return response,
    };
    let limit = desk.config.max_body;
    let sent = match body::read(&parts.headers, sent, limit, desk.config.body_timeout).await {
        Ok(sent) => sent,
        Err(error) => return refusal(error.status(), error.code(), error.to_string()),
    };
    let received = match read(&parts.headers, &sent) {
        Ok(received) => received,
        Err(error) => return told::error(&error, "CloudEvents"),
    };
    let account = Account::open(&desk.config.rates, Some(&viewer), &viewer.origin);
    let count = match &received {
        Received::One(_) => 1,
        Received::Batch(all) => u32::try_from(all.len()).unwrap_or(u32::MAX),
    };
    // As much as the mutation costs: the request, and something for each event.
    let mut response = if let Err(limited) = account.pay(count.saturating_add(1)).await {
        refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, limited.message)
    } else {
        // In a task of its own, so that nothing stays half done when the caller goes away.
        let answer = tokio::spawn(async move { accept(&desk.services, &viewer, received).await }).await;
        answer.unwrap_or_else(|panic| {
            let error = ServiceError::Internal { what: "accepting CloudEvents broke", source: panic.into() };
            told::error(&error, "CloudEvents")
        })
    };
    account.tell(response.headers_mut());
    response
}

impl Desk {
    /// Who sends it, in the organization of the address.
    async fn viewer(&self, headers: &HeaderMap, origin: &Origin, organization: &str) -> Result<Viewer, Response> {
        let viewer = match self.viewers.authenticate(headers, origin).await {
            Ok(Some(admitted)) => Viewer { origin: origin.clone(), ..admitted.viewer },
            Ok(None) | Err(AuthError::Unauthenticated) => return Err(self.unknown(origin).await),
            Err(error @ AuthError::Unavailable) => {
                return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string()));
            }
        };
        let own = service::organization(&self.services, &viewer).await;
        let own = own.map_err(|error| told::error(&error, "CloudEvents"))?;
        if organization == own.slug || organization == own.id.to_string() {
            return Ok(viewer);
        }
        let message = "the credentials are of another organization than the address, or there is none such";
        Err(refusal(StatusCode::NOT_FOUND, Code::NotFound, message))
    }

    async fn unknown(&self, origin: &Origin) -> Response {
        let account = Account::open(&self.config.rates, None, origin);
        let error = AuthError::Unauthenticated;
        let mut response = match account.pay(REFUSED_CREDENTIALS).await {
            Ok(()) => refusal(StatusCode::UNAUTHORIZED, error.code(), error.to_string()),
            Err(limited) => refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, limited.message),
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        account.tell(response.headers_mut());
        response
    }
}

/// The events in a request, in whichever mode.
fn read(headers: &HeaderMap, sent: &[u8]) -> Result<Received, ServiceError> {
    let texts: BTreeMap<String, String> = single(headers);
    let kind = texts.get("content-type").map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let one = |request| Received::One(Box::new(request));
    match kind.as_str() {
        "application/cloudevents+json" => cloud::structured(parse(sent)?).map(one),
        "application/cloudevents-batch+json" => cloud::batch(parse(sent)?).map(Received::Batch),
        // A page cannot send such headers to another site without being asked first.
        "application/json" if cloud::is_binary(&texts) => cloud::binary(&texts, Some(parse(sent)?)).map(one),
        "" if cloud::is_binary(&texts) && sent.is_empty() => cloud::binary(&texts, None).map(one),
        _other => {
            let message = "send an event as `Content-Type: application/cloudevents+json`, several as \
                           application/cloudevents-batch+json, or its data as application/json with headers `ce-…`";
            Err(ServiceError::mistake(service::Mistake::new(Code::BadRequest, "", message)))
        }
    }
}

fn parse(sent: &[u8]) -> Result<Value, ServiceError> {
    serde_json::from_slice(sent).map_err(|problem| {
        let message = format!("the body is no JSON: line {}, column {}", problem.line(), problem.column());
        ServiceError::mistake(service::Mistake::new(Code::BadRequest, "", message))
    })
}

async fn accept(services: &Services, viewer: &Viewer, received: Received) -> Response {
    let is_batch = matches!(received, Received::Batch(_));
    let results = match cloud::receive(services, viewer, received).await {
        Ok(results) => results,
        Err(error) => return told::error(&error, "CloudEvents"),
    };
    let is_any_new = results.iter().flatten().any(|emitted| emitted.is_new);
    let status = if is_any_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let told: Vec<Value> = results
        .iter()
        .map(|result| match result {
            Ok(emitted) => json!({ "eventId": emitted.event.id, "isNew": emitted.is_new }),
            Err(error) => {
                let message = match error {
                    ServiceError::Mistakes(all) => all.iter().map(told::text).collect::<Vec<_>>().join("; "),
                    _of_ours => crate::errors::INTERNAL_MESSAGE.to_owned(),
                };
                json!({ "errors": [{ "message": message, "extensions": { "code": error.code().as_str() } }] })
            }
        })
        .collect();
    let body = if is_batch { json!({ "results": told }) } else { told.into_iter().next().unwrap_or_default() };
    (status, axum::Json(body)).into_response()
}
