//! How errors of use cases are answered over plain HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use service::{Code, Mistake, ServiceError, chain};

use super::refusal;

/// Seconds after which a request is worth another try that found the database away.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The answer to a request that did nothing; `what` says in the log what it was.
pub(super) fn error(error: &ServiceError, what: &'static str) -> Response {
    let told = |status, message: String| refusal(status, error.code(), message);
    match error {
        ServiceError::Mistakes(mistakes) => {
            told(status_of(error.code()), mistakes.iter().map(text).collect::<Vec<_>>().join("; "))
        }
        ServiceError::Unauthenticated => told(StatusCode::UNAUTHORIZED, error.to_string()),
        ServiceError::Forbidden(_) => told(StatusCode::FORBIDDEN, error.to_string()),
        ServiceError::RateLimited { .. } => told(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
        ServiceError::Unavailable(_) | ServiceError::Overloaded => {
            tracing::warn!(error = %chain(error), what, "a request could not be taken");
            let mut response = told(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            response
        }
        ServiceError::Internal { .. } => {
            tracing::error!(error = %chain(error), what, "a request failed");
            told(StatusCode::INTERNAL_SERVER_ERROR, crate::errors::INTERNAL_MESSAGE.to_owned())
        }
    }
}

/// A mistake in words, with what to do about it.
pub(super) fn text(mistake: &Mistake) -> String {
    match &mistake.help {
        Some(help) => format!("{} ({help})", mistake.message),
        None => mistake.message.clone(),
    }
}

/// What of the caller's making is wrong, as HTTP says it.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::WorkflowDisabled | Code::NotPublished | Code::Duplicate => StatusCode::CONFLICT,
        _does_not_fit => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
