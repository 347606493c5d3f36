//! From an answer to the output of the action.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::machine::HttpRequest;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::limits::HttpLimits;
use super::retry_after;

/// Largest body of a failed answer that is kept for people, in bytes.
const PREVIEW_BYTES: u64 = 4 * 1024;

/// How long the body of a failed answer is waited for; its status is known already.
const PREVIEW_WAIT: Duration = Duration::from_secs(1);

/// Refuses headers beyond the limit.
pub(super) fn check_headers(response: &Response, limits: &HttpLimits) -> Result<(), Failure> {
    let bytes: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > limits.header_bytes {
        return Err(Failure::too_large(format!("the response headers are over {} bytes", limits.header_bytes)));
    }
    Ok(())
}

/// Reads the answer: `{status, headers, body}` of a success, a failure for any other status.
pub(super) async fn read(response: Response, request: &HttpRequest, limits: &HttpLimits) -> Result<Value, Failure> {
    let status = response.status().as_u16();
    if !request.expects(status) {
        return Err(failed(response, status).await);
    }
    let headers = shown_headers(response.headers());
    let kind = Kind::of(response.headers());
    let encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let body = collect(response, limits.response_bytes_for(request.max_response_bytes)).await?;
    if encoded && !body.is_empty() {
        return Err(invalid("the body is compressed, which was not asked for", status));
    }
    let body = decode(body, kind, limits).map_err(|what| invalid(what, status))?;
    Ok(json!({ "status": status, "headers": headers, "body": body }))
}

fn invalid(what: impl Into<String>, status: u16) -> Failure {
    Failure::lasting("INVALID_RESPONSE_BODY", what).with_status(status)
}

/// The failure of an answer with an unexpected status; a small body that comes soon is kept with it.
async fn failed(response: Response, status: u16) -> Failure {
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = asked.and_then(|value| retry_after::parse(value, SystemTime::now()));
    let encoded = response.headers().contains_key(CONTENT_ENCODING);
    let kind = Kind::of(response.headers());
    let mut detail = json!({ "status": status });
    if !encoded
        && let Ok(Ok(body)) = tokio::time::timeout(PREVIEW_WAIT, collect(response, PREVIEW_BYTES)).await
        && let Ok(body) = decode(body, kind, &HttpLimits { binary_bytes: 0, ..HttpLimits::default() })
    {
        detail["body"] = body;
    }
    Failure::status(status, wait, detail)
}

/// Reads the body and stops at the first byte over `limit`; what is left is never taken from the socket.
async fn collect(mut response: Response, limit: u64) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::too_large(format!("the response body is over {limit} bytes"));
    let status = response.status().as_u16();
    let announced = response.content_length();
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(too_large().with_status(status));
    }
    // What is announced is at most the limit; a lie about it costs no more memory than the truth.
    let mut body = Vec::with_capacity(announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::transport(&error).with_status(status))? {
        if (body.len() as u64).saturating_add(chunk.len() as u64) > limit {
            return Err(too_large().with_status(status));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Says that it is JSON: anything else is an error.
    Json,
    /// Says that it is something else.
    Other,
    /// Says nothing: JSON if it is an object or a list, else text.
    Unsaid,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::Unsaid };
        let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        match media_type.split_once('/') {
            Some(("application" | "text", "json")) => Self::Json,
            Some((_, subtype)) if subtype.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }
}

fn decode(body: Vec<u8>, kind: Kind, limits: &HttpLimits) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(if kind == Kind::Other { Value::String(String::new()) } else { Value::Null });
    }
    let looks_like_json = body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[".contains(byte));
    match kind {
        Kind::Json => {
            let value: Value = serde_json::from_slice(&body)
                .map_err(|problem| format!("the body says it is JSON, but is not: {}", where_and_why(&problem)))?;
            if holds_nul(&value) {
                return Err("the body holds the character U+0000, which cannot be stored".to_owned());
            }
            return Ok(value);
        }
        Kind::Unsaid if looks_like_json => {
            if let Some(value) = serde_json::from_slice(&body).ok().filter(|value| !holds_nul(value)) {
                return Ok(value);
            }
        }
        Kind::Unsaid | Kind::Other => {}
    }
    match String::from_utf8(body) {
        // Text with U+0000 is as binary as text that is not UTF-8: no database column takes it.
        Ok(text) if !text.contains('\0') => Ok(Value::String(text)),
        Ok(text) => binary(text.as_bytes(), limits.binary_bytes),
        Err(not_text) => binary(not_text.as_bytes(), limits.binary_bytes),
    }
}

/// The place of the error without the parser's words about the content.
fn where_and_why(problem: &serde_json::Error) -> String {
    let what = if problem.is_eof() { "it ends early" } else { "syntax error" };
    format!("{what} at line {} column {}", problem.line(), problem.column())
}

fn binary(body: &[u8], limit: usize) -> Result<Value, String> {
    if body.len() > limit {
        return Err(format!("the body is not text and is over {limit} bytes"));
    }
    Ok(json!({ "$base64": STANDARD.encode(body) }))
}

/// Whether a value holds a character that no database stores as text.
pub(in crate::effects) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
    }
}

/// Headers as the output shows them: lower-case names, several values joined, nothing that grants access.
fn shown_headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys().filter(|name| !grants_access(name.as_str())) {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let joined = values.collect::<Vec<_>>().join(", ");
        shown.insert(name.as_str().to_owned(), Value::String(joined));
    }
    shown
}

fn grants_access(name: &str) -> bool {
    name.contains("api-key")
        || name.split(['-', '_']).any(|word| {
            matches!(
                word,
                "apikey"
                    | "auth"
                    | "authenticate"
                    | "authentication"
                    | "authorization"
                    | "cookie"
                    | "cookie2"
                    | "credential"
                    | "credentials"
                    | "password"
                    | "secret"
                    | "session"
                    | "token"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &[u8], kind: Kind) -> Result<Value, String> {
        decode(body.to_vec(), kind, &HttpLimits::default())
    }

    fn kind_of(content_type: &'static str) -> Kind {
        Kind::of(&HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]))
    }

    #[test]
    fn the_content_type_decides_how_a_body_is_read() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "text/json", "application/problem+json"] {
            assert_eq!(kind_of(json), Kind::Json, "{json}");
        }
        for other in ["text/html", "application/json-seq", "json", "application/x-ndjson", ""] {
            assert_eq!(kind_of(other), Kind::Other, "{other}");
        }
        assert_eq!(Kind::of(&HeaderMap::new()), Kind::Unsaid);
        assert_eq!(decoded(b"{\"a\":1}", Kind::Json), Ok(json!({ "a": 1 })));
        assert_eq!(decoded(b"{\"a\":1}", Kind::Other), Ok(json!("{\"a\":1}")));
        assert_eq!(decoded(b" {\"a\":1}", Kind::Unsaid), Ok(json!({ "a": 1 })));
        assert_eq!(decoded(b"{oops", Kind::Unsaid), Ok(json!("{oops")));
        assert_eq!(decoded(b"12", Kind::Unsaid), Ok(json!("12")));
    }

    #[test]
    fn an_empty_body_is_no_broken_json() {
        assert_eq!(decoded(b"", Kind::Json), Ok(Value::Null));
        assert_eq!(decoded(b"", Kind::Unsaid), Ok(Value::Null));
        assert_eq!(decoded(b"", Kind::Other), Ok(json!("")));
    }

    #[test]
    fn broken_json_is_refused_without_quoting_it() {
        let problem = decoded(b"{\"password\":\"hunter2\",", Kind::Json).unwrap_err();
        assert_eq!(problem, "the body says it is JSON, but is not: it ends early at line 1 column 22");
        let deep = "[".repeat(100_000);
        assert!(decoded(deep.as_bytes(), Kind::Json).is_err());
        assert!(decoded(b"{\"a\":1e999}", Kind::Json).is_err());
    }

    #[test]
    fn what_no_database_can_store_as_text_becomes_base64_or_is_refused() {
        assert_eq!(decoded(b"\xff\xfe", Kind::Other), Ok(json!({ "$base64": "//4=" })));
        assert_eq!(decoded(b"a\0b", Kind::Other), Ok(json!({ "$base64": "YQBi" })));
        assert!(decoded(b"{\"a\":[\"\\u0000\"]}", Kind::Json).unwrap_err().contains("U+0000"));
        assert!(decoded(b"{\"\\u0000\":1}", Kind::Json).unwrap_err().contains("U+0000"));
        let large = vec![0xff; 64 * 1024 + 1];
        assert_eq!(decoded(&large, Kind::Other).unwrap_err(), "the body is not text and is over 65536 bytes");
    }

    #[test]
    fn shown_headers_are_joined_and_grant_no_access() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-trace", "a"),
            ("x-trace", "b"),
            ("author", "kept"),
            ("set-cookie", "sid=1"),
            ("www-authenticate", "Basic"),
            ("x-api-key", "k"),
            ("x-auth-token", "t"),
            ("x-amz-security-token", "t"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        assert_eq!(Value::Object(shown_headers(&headers)), json!({ "x-trace": "a, b", "author": "kept" }));
    }
}
