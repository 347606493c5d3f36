//! From the action's request to what is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use engine::machine::{Body, HttpRequest};
use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
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

/// What is sent on each hop; the URL is the hop's. It has no `Debug`: it holds secrets.
#[derive(Clone)]
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
            let mut value = HeaderValue::try_from(value.as_str())
                .map_err(|_| invalid(format!("the value of header `{name}` holds a forbidden character")))?;
            // It is not printed, and no table of header compression keeps it.
            value.set_sensitive(!is_plain(&name));
            headers.append(name, value);
        }
        if let Some((name, password)) = &request.basic {
            let mut value = HeaderValue::try_from(basic(name, password))
                .map_err(|_| invalid("name and password cannot be encoded".into()))?;
            value.set_sensitive(true);
            headers.append(AUTHORIZATION, value);
        }
        let key = HeaderValue::try_from(idempotency_key)
            .map_err(|_| invalid("the idempotency key holds a forbidden character".into()))?;
        headers.entry(IDEMPOTENCY_KEY).or_insert(key);
        // No decoder is built in, so an encoded answer could not be read.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let body = request.body.as_ref().map(|body| {
            let (media_type, text) = rendered(body);
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type));
            text.into()
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

/// Whether a header is no credential, whoever set it.
fn is_plain(name: &HeaderName) -> bool {
    [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IDEMPOTENCY_KEY, USER_AGENT].contains(name)
}

fn invalid(what: String) -> Failure {
    Failure::lasting("INVALID_HEADER", what)
}

/// The value of `authorization` for a name and a password (RFC 7617).
pub(in crate::effects) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// What is sent as a body, and its media type unless a header says another.
pub(in crate::effects) fn rendered(body: &Body) -> (&'static str, String) {
    match body {
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Text(text) => ("text/plain; charset=utf-8", text.clone()),
        Body::Form(pairs) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            ("application/x-www-form-urlencoded", form)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_credential_is_marked_as_such() {
        let pair = |name: &str| (name.to_owned(), "value".to_owned());
        let request = HttpRequest {
            is_webhook: false,
            method: "GET".to_owned(),
            url: "https://api.example.com/".to_owned(),
            headers: ["authorization", "x-key", "accept", "content-type"].map(pair).to_vec(),
            basic: Some(("shop".to_owned(), "hunter22".to_owned())),
            query: Vec::new(),
            body: None,
            expect_status: Vec::new(),
            max_response_bytes: None,
        };
        let Ok(prepared) = Prepared::new(&request, "exe_1/tell/0/0") else { panic!("it is refused") };
        for (name, value) in &prepared.headers {
            assert_eq!(value.is_sensitive(), matches!(name.as_str(), "authorization" | "x-key"), "{name}");
        }
    }
}
