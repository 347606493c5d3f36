//! Answers in the shape of GraphQL errors, also for requests that never reach GraphQL.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use service::Code;

use crate::http::accept::JsonType;
use crate::runner::{Reply, ReplySort};

/// A request that was refused before GraphQL: `{"errors":[…]}`.
pub(crate) fn refusal(status: StatusCode, code: Code, message: impl Into<String>) -> Response {
    let body = json!({ "errors": [{ "message": message.into(), "extensions": { "code": code.as_str() } }] });
    json_response(status, "application/json; charset=utf-8", body.to_string())
}

/// The reply of an operation with the status that GraphQL over HTTP wants for its media type.
pub(super) fn reply(reply: &Reply, media_type: JsonType) -> Response {
    let status = match (reply.sort, media_type) {
        (ReplySort::Broken, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (ReplySort::TimedOut, _) => StatusCode::SERVICE_UNAVAILABLE,
        (ReplySort::Refused, JsonType::GraphqlResponse) => StatusCode::BAD_REQUEST,
        (ReplySort::Refused, JsonType::Plain) | (ReplySort::Executed, _) => StatusCode::OK,
    };
    json_response(status, media_type.header(), reply.to_json())
}

fn json_response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (status, headers, body).into_response()
}
