//! The id that ties an answer to the log.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, in and out.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a caller, in bytes.
const MAX_LENGTH: usize = 64;

/// Id of one request, or of one WebSocket. Resolvers find it in the request data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id, a UUIDv7.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The caller's id if it sent a harmless one, else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_harmless(text))
            .map_or_else(Self::new, |text| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("an id has only letters, digits and `-_.`")
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An id ends up in log lines, so it may not carry line breaks, colours or bulk.
fn is_harmless(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(text).unwrap());
        RequestId::of(&headers)
    }

    #[test]
    fn a_harmless_id_is_taken_over_and_any_other_is_replaced() {
        assert_eq!(of("trace-1.2_3").as_str(), "trace-1.2_3");
        for strange in ["", "a b", "a\tb", "<x>", &"a".repeat(65)] {
            assert_ne!(of(strange).as_str(), strange);
            assert_eq!(of(strange).as_str().len(), 36, "a UUID");
        }
    }
}
