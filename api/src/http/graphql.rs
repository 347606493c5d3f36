//! `POST /graphql`.

use std::sync::Arc;

use async_graphql::Executor;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use service::Code;

use super::accept::{self, Transport};
use super::{Shared, answer, body, refusal, sse};
use crate::config::admits_origin;
use crate::guard::OperationKind;
use crate::operation::{Params, ParamsError};
use crate::origin;
use crate::request_id::RequestId;
use crate::runner::{Caller, Reply};
use crate::viewers::AuthError;

/// Runs one operation; its answer is JSON or a stream of events, as `Accept` says.
pub(super) async fn post<E: Executor>(State(shared): State<Arc<Shared<E>>>, request: Request<Body>) -> Response {
    match prepare(&shared, request).await {
        Ok(Prepared { params, caller, transport }) => run(&shared, params, caller, transport).await,
        Err(response) => response,
    }
}

struct Prepared {
    params: Params,
    caller: Caller,
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
    let origin = origin::of(&parts.headers, &parts.extensions);
    let viewer = shared.viewers.authenticate(&parts.headers, &origin).await.map_err(unauthenticated)?;
    let bytes = body::read_json(&parts.headers, body, config.max_body, config.body_timeout).await.map_err(|error| {
        if let body::BodyError::Broken(source) = &error {
            tracing::debug!(error = %service::chain(&**source), "a request body broke off");
        }
        refusal(error.status(), error.code(), error.to_string())
    })?;
    let params = Params::parse(&bytes)
        .map_err(|error: ParamsError| refusal(StatusCode::BAD_REQUEST, Code::BadRequest, error.told()))?;
    let id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
    Ok(Prepared { params, caller: Caller { viewer, origin, id }, transport })
}

async fn run<E: Executor>(shared: &Shared<E>, params: Params, caller: Caller, transport: Transport) -> Response {
    let operation = match (params.prepare(&shared.documents), transport) {
        (Ok(operation), _) => operation,
        (Err(error), Transport::Json(media_type)) => return answer::reply(&Reply::refused(error), media_type),
        (Err(error), Transport::Events) => return sse::single(Reply::refused(error)),
    };
    match (transport, operation.kind) {
        (Transport::Events, _) => sse::stream(shared, operation, caller),
        (Transport::Json(_), Some(OperationKind::Subscription)) => refusal(
            StatusCode::BAD_REQUEST,
            Code::BadRequest,
            "a subscription needs `Accept: text/event-stream`, or a WebSocket at /graphql/ws",
        ),
        (Transport::Json(media_type), Some(OperationKind::Query | OperationKind::Mutation) | None) => {
            answer::reply(&shared.runner.once(operation, &caller).await, media_type)
        }
    }
}

fn unauthenticated(error: AuthError) -> Response {
    match error {
        AuthError::Unauthenticated => {
            let mut response = refusal(StatusCode::UNAUTHORIZED, error.code(), error.to_string());
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        AuthError::Unavailable => refusal(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string()),
    }
}
