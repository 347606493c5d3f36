//! `POST /graphql`.

use std::sync::Arc;

use async_graphql::Executor;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use service::{Code, Origin};

use super::accept::{self, Transport};
use super::{Shared, answer, body, refusal, sse};
use crate::admit::admit;
use crate::config::admits_origin;
use crate::cookies::Cookies;
use crate::credentials;
use crate::guard::OperationKind;
use crate::operation::{Params, ParamsError};
use crate::origin;
use crate::rates::{Account, REFUSED_CREDENTIALS};
use crate::request_id::RequestId;
use crate::runner::{Caller, Reply};
use crate::viewers::AuthError;
use crate::watch::Watch;

/// Runs one operation; its answer is JSON or a stream of events, as `Accept` says.
pub(super) async fn post<E: Executor>(State(shared): State<Arc<Shared<E>>>, request: Request<Body>) -> Response {
    match prepare(&shared, request).await {
        Ok(prepared) => run(&shared, prepared).await,
        Err(response) => response,
    }
}

struct Prepared {
    params: Params,
    caller: Caller,
    /// Of a stream: whether the caller may still be served.
    watch: Option<Watch>,
    transport: Transport,
}

/// Everything that can be refused before the document is looked at.
async fn prepare<E>(shared: &Shared<E>, request: Request<Body>) -> Result<Prepared, Response> {
    let (parts, body) = request.into_parts();
    let config = &shared.config;
    if !admits_origin(config, &parts.uri, &parts.headers) {
        return Err(refusal(StatusCode::FORBIDDEN, Code::Forbidden, "pages of this origin may not use the API"));
    }
    let Some(transport) = accept::negotiate(&parts.headers) else {
        return Err(refusal(
            StatusCode::NOT_ACCEPTABLE,
            Code::BadRequest,
            "the answer is application/graphql-response+json, application/json or text/event-stream",
        ));
    };
    let origin = origin::of(&config.proxies, &parts.headers, &parts.extensions);
    let admitted = match shared.viewers.authenticate(&parts.headers, &origin).await {
        Ok(admitted) => admitted,
        Err(error) => return Err(unauthenticated(shared, error, &origin).await),
    };
    let max_body = if admitted.is_some() { config.max_body } else { config.max_body_of_strangers.min(config.max_body) };
    let bytes = body::read_json(&parts.headers, body, max_body, config.body_timeout).await.map_err(|error| {
        if let body::BodyError::Broken(source) = &error {
            tracing::debug!(error = %service::chain(&**source), "a request body broke off");
        }
        refusal(error.status(), error.code(), error.to_string())
    })?;
    let params = Params::parse(&bytes)
        .map_err(|error: ParamsError| refusal(StatusCode::BAD_REQUEST, Code::BadRequest, error.told()))?;
    let id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
    let (watch, cookies) = match transport {
        Transport::Events => {
            let watch = admitted.as_ref().and_then(|admitted| {
                Watch::new(shared.viewers.clone(), credentials::kept(&parts.headers), origin.clone(), admitted)
            });
            // The headers of a stream are sent before anything is executed.
            (watch, Cookies::default())
        }
        Transport::Json(_) => (None, Cookies::of(&parts.headers, config.cookies)),
    };
    let viewer = admitted.map(|admitted| admitted.viewer);
    let account = Account::open(&config.rates, viewer.as_ref(), &origin);
    let caller = Caller { viewer, origin, id, cookies, account };
    Ok(Prepared { params, caller, watch, transport })
}

async fn run<E: Executor>(shared: &Shared<E>, prepared: Prepared) -> Response {
    let account = prepared.caller.account.clone();
    let is_json = matches!(prepared.transport, Transport::Json(_));
    let mut response = answer_to(shared, prepared).await;
    if account.is_refused() && is_json {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    account.tell(response.headers_mut());
    response
}

async fn answer_to<E: Executor>(shared: &Shared<E>, prepared: Prepared) -> Response {
    let Prepared { params, caller, watch, transport } = prepared;
    let operation = match (admit(shared, params, &caller).await, transport) {
        (Ok(operation), _) => operation,
        (Err(error), Transport::Json(media_type)) => return answer::reply(&Reply::refused(error), media_type),
        (Err(error), Transport::Events) => return sse::single(Reply::refused(error)),
    };
    match (transport, operation.kind) {
        (Transport::Events, _) => sse::stream(shared, operation, caller, watch),
        (Transport::Json(_), Some(OperationKind::Subscription)) => refusal(
            StatusCode::BAD_REQUEST,
            Code::BadRequest,
            "a subscription needs `Accept: text/event-stream`, or a WebSocket at /graphql/ws",
        ),
        (Transport::Json(media_type), Some(OperationKind::Query | OperationKind::Mutation) | None) => {
            let mut response = answer::reply(&shared.runner.once(operation, &caller).await, media_type);
            for cookie in caller.cookies.headers(shared.config.cookies) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
    }
}

/// Whoever shows wrong credentials pays as a stranger, and more than for a request.
async fn unauthenticated<E>(shared: &Shared<E>, error: AuthError, origin: &Origin) -> Response {
    match error {
        AuthError::Unauthenticated => {
            let account = Account::open(&shared.config.rates, None, origin);
            let mut response = match account.pay(REFUSED_CREDENTIALS).await {
                Ok(()) => refusal(StatusCode::UNAUTHORIZED, error.code(), error.to_string()),
                Err(limited) => refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, limited.message),
            };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            account.tell(response.headers_mut());
            response
        }
        AuthError::Unavailable => refusal(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string()),
    }
}
