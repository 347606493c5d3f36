//! Reads a request body: JSON only, within a size and a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service::Code;

/// Longest body in bytes that is thrown away as it arrives, instead of breaking off the connection: most
/// callers send all of a request before they read, and would see a broken connection and not the refusal.
const MAX_DISCARDED: u64 = 16 * 1024 * 1024;

/// Longest time that a body is thrown away for.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("send the request as `Content-Type: application/json`")]
    NotJson,
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the body did not arrive within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    #[error("the body could not be read")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }

    pub const fn code(&self) -> Code {
        match self {
            Self::TooLong { .. } => Code::TooLarge,
            Self::NotJson | Self::TooSlow(_) | Self::Broken(_) => Code::BadRequest,
        }
    }
}

/// Reads the body unless its headers already refuse it.
pub(super) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, BodyError> {
    // A browser sends `application/json` to another site only after asking with a preflight; the types
    // of plain forms it sends at once. Nothing but JSON may therefore ever be executed.
    if !is_json(headers) {
        return Err(BodyError::NotJson);
    }
    read(headers, body, limit, timeout).await
}

/// Reads the body, whatever it holds, unless its length already refuses it.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize, timeout: Duration) -> Result<Bytes, BodyError> {
    if let Some(length) = announced_length(headers).filter(|length| *length > limit as u64) {
        // Whoever asks first with `Expect` has sent nothing yet.
        if length <= MAX_DISCARDED && !headers.contains_key(header::EXPECT) {
            tokio::spawn(tokio::time::timeout(DISCARD_TIMEOUT, discard(body)));
        }
        return Err(BodyError::TooLong { limit });
    }
    let read = Limited::new(body, limit).collect();
    match tokio::time::timeout(timeout, read).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong { limit }),
        Ok(Err(error)) => Err(BodyError::Broken(error)),
        Err(_elapsed) => Err(BodyError::TooSlow(timeout)),
    }
}

async fn discard(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Exactly `application/json`, at most with `charset=utf-8`, and only once.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let is_type = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    is_type
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            None => false,
        })
}
