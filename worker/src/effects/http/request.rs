//! From the action's request to what is sent.

use bytes::Bytes;
use engine::machine::{Body, HttpRequest};
use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use super::failure::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers that belong to the connection or to this client. A `Host` of the author's would also let a
/// call reach another site than the one that was checked.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is sent on each hop; the URL is the hop's.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Prepared {
    /// Checks method and headers and renders the body.
    pub(super) fn new(request: &HttpRequest, idempotency_key: &str) -> Result<Self, Failure> {
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE))
            .ok_or_else(|| Failure::lasting("INVALID_METHOD", "the method cannot be used"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            // The name is not repeated before it is known to be one: a template may have rendered anything into it.
            let name = HeaderName::try_from(name.as_str()).map_err(|_| invalid("a header name is not valid".into()))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(invalid(format!("the header `{name}` cannot be set")));
            }
            let value = HeaderValue::try_from(value.as_str())
                .map_err(|_| invalid(format!("the value of header `{name}` holds a forbidden character")))?;
            headers.append(name, value);
        }
        let key = HeaderValue::try_from(idempotency_key)
            .map_err(|_| invalid("the idempotency key holds a forbidden character".into()))?;
        headers.entry(IDEMPOTENCY_KEY).or_insert(key);
        // No decoder is built in, so an encoded answer could not be read.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let body = request.body.as_ref().map(|body| {
            let (media_type, bytes) = render(body);
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type));
            bytes
        });
        Ok(Self { method, headers, body })
    }

    /// The request to `url`.
    pub(super) fn to(&self, url: reqwest::Url) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), url);
        request.headers_mut().clone_from(&self.headers);
        *request.body_mut() = self.body.clone().map(Into::into);
        request
    }

    /// Whether a redirect may be followed: asking again elsewhere changes nothing and carries nothing along.
    pub(super) fn follows_redirects(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD) && self.body.is_none()
    }

    /// Forgets every header that might be a credential: API keys come under any name.
    pub(super) fn forget_credentials(&mut self) {
        let keep = [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT, IDEMPOTENCY_KEY];
        let kept = keep.into_iter().filter_map(|name| self.headers.get(&name).cloned().map(|value| (name, value)));
        self.headers = kept.collect();
    }
}

fn invalid(what: String) -> Failure {
    Failure::lasting("INVALID_HEADER", what)
}

fn render(body: &Body) -> (&'static str, Bytes) {
    match body {
        Body::Json(value) => ("application/json", value.to_string().into()),
        Body::Text(text) => ("text/plain; charset=utf-8", text.clone().into()),
        Body::Form(pairs) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            ("application/x-www-form-urlencoded", form.into())
        }
    }
}
