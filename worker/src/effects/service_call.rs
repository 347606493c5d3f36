//! Requests to services of the organization: their address, their settings, and how they are called.

use std::time::Duration;

use engine::Timestamp;
use engine::machine::{Body, EffectOutcome, HttpRequest, StepError};
use reqwest::Url;
use serde_json::Value;
use service::parts::{AuthenticationKind, Service};
use service::sealed::Secret;
use service::webhooks::signature_headers;

use super::call::Call;
use super::http::rendered;
use super::secrets;

/// Carries the secret of a service that names no header.
const API_KEY: &str = "x-api-key";

/// A request to `path` behind the address of a service, with the headers of its settings. The path begins with a
/// slash or is empty; it is taken as it is, so parts that come from data are encoded before ([`segment`]).
pub(super) fn request(
    service: &Service,
    method: &str,
    path: &str,
    body: Option<Body>,
) -> Result<HttpRequest, StepError> {
    let base = base_url(service)?;
    let headers = service.settings.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())));
    Ok(HttpRequest {
        is_webhook: false,
        method: method.to_owned(),
        url: if path.is_empty() { base.to_owned() } else { format!("{}{path}", base.trim_end_matches('/')) },
        headers: headers.collect(),
        basic: None,
        query: Vec::new(),
        body,
        expect_status: Vec::new(),
        max_response_bytes: None,
    })
}

/// `text` as one segment of a path: nothing in it leads to another place below the service.
pub(super) fn segment(text: &str, what: &str) -> Result<String, StepError> {
    // Encoded dots are dots to whoever takes a path apart.
    if matches!(text.trim(), "" | "." | "..") {
        let message = format!("{what} is empty or dots alone, which is no part of a path");
        return Err(StepError::other("INVALID_ACTION", message));
    }
    Ok(secrets::percent_encoded(text, b"-._~"))
}

/// Where a service is.
pub(super) fn base_url(service: &Service) -> Result<&str, StepError> {
    let base = service.base_url.as_deref().filter(|base| !base.is_empty());
    base.ok_or_else(|| invalid(service, "has no address; give it a base URL"))
}

/// The failure of a call to a service that is not there.
pub(super) fn unknown(what: &str) -> StepError {
    StepError::other("UNKNOWN_SERVICE", format!("{what}; set it up with `sluice service create`"))
}

/// The failure of a call to a service that is not set up for it.
pub(super) fn invalid(service: &Service, what: &str) -> StepError {
    StepError::other("INVALID_SERVICE", format!("the service `{}` {what}", service.name))
}

/// How long a call to the service may take, when its settings say that.
pub(super) fn timeout(service: &Service) -> Option<Duration> {
    engine::duration::parse(service.settings.get("timeout")?.as_str()?).ok()
}

/// Name of the secret that the service is called with; none when it asks for none.
pub(super) fn secret_name(service: &Service) -> Result<Option<&str>, StepError> {
    match (service.authentication.kind, service.authentication.secret.as_deref()) {
        (AuthenticationKind::None, _) => Ok(None),
        (_asks, Some(name)) => Ok(Some(name)),
        (_asks, None) => Err(invalid(service, "has no secret, which its authentication needs")),
    }
}

/// The address of a request, which is at the service that the secret `name` belongs to: same scheme, host and port.
pub(super) fn own_address(service: &Service, request: &HttpRequest, name: &str) -> Result<Url, StepError> {
    let base = Url::parse(base_url(service)?).map_err(|_problem| invalid(service, "has an address that is no URL"))?;
    let address = Url::parse(&request.url)
        .map_err(|problem| StepError::other("INVALID_URL", format!("the URL is not valid: {problem}")))?;
    if address.origin() == base.origin() { Ok(address) } else { Err(secrets::not_allowed(name, &address)) }
}

/// The request with what proves to the service who calls; `secret` is the service's. What the request has in the
/// same place gives way.
pub(super) fn authenticated(
    mut request: HttpRequest,
    service: &Service,
    secret: &Secret,
    (key, now): (&str, Timestamp),
) -> Result<HttpRequest, StepError> {
    match service.authentication.kind {
        AuthenticationKind::None => {}
        AuthenticationKind::Basic => {
            let username = service.settings.get("username").and_then(Value::as_str).unwrap_or_default();
            remove(&mut request, "authorization");
            request.basic = Some((username.to_owned(), secret.reveal().to_owned()));
        }
        AuthenticationKind::Bearer => {
            request.basic = None;
            set(&mut request, "authorization", format!("Bearer {}", secret.reveal()));
        }
        AuthenticationKind::ApiKey => {
            let header = service.authentication.header_name.as_deref().unwrap_or(API_KEY);
            set(&mut request, header, secret.reveal().to_owned());
        }
        AuthenticationKind::Hmac => sign(&mut request, service, secret, (key, now))?,
    }
    Ok(request)
}

/// Signs the body byte for byte as it is sent, after the Standard Webhooks specification.
fn sign(
    request: &mut HttpRequest,
    service: &Service,
    secret: &Secret,
    (key, now): (&str, Timestamp),
) -> Result<(), StepError> {
    let body = request.body.take().map(|body| rendered(&body));
    let text = body.as_ref().map_or("", |(_media_type, text)| text.as_str());
    // The same for every try, so that the receiver can tell what it has got already.
    let id = service::bounded_key(key);
    let signed = signature_headers(std::slice::from_ref(secret), &id, now, text.as_bytes());
    let signed =
        signed.ok_or_else(|| invalid(service, "has a secret that is no key: `whsec_` and base64, or a text"))?;
    for (name, value) in signed {
        set(request, &name, value);
    }
    if let Some((media_type, text)) = body {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request.headers.push(("content-type".to_owned(), media_type.to_owned()));
        }
        request.body = Some(Body::Text(text));
    }
    Ok(())
}

fn set(request: &mut HttpRequest, header: &str, value: String) {
    remove(request, header);
    request.headers.push((header.to_owned(), value));
}

fn remove(request: &mut HttpRequest, header: &str) {
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
}

/// The action `webhook`: a call that is signed when a service that signs has its address.
pub(super) async fn webhook(call: &Call<'_>, request: &HttpRequest) -> EffectOutcome {
    match call.services().await {
        Ok(services) => {
            let signs = signs(&services, &request.url);
            call.exchange(std::borrow::Cow::Borrowed(request), &call.effect.key, signs).await
        }
        Err(problem) => EffectOutcome::Failed(problem),
    }
}

/// Of the services that sign, the one whose address is the longest beginning of `url`.
fn signs<'s>(services: &'s [Service], url: &str) -> Option<&'s Service> {
    let url = Url::parse(url).ok()?;
    let begins = |service: &&Service| -> bool {
        let base = service.base_url.as_deref().and_then(|base| Url::parse(base).ok());
        base.is_some_and(|base| {
            let path = base.path().trim_end_matches('/');
            let below = url.path().strip_prefix(path);
            base.origin() == url.origin() && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    };
    let signing = services.iter().filter(|service| service.authentication.kind == AuthenticationKind::Hmac);
    signing.filter(begins).max_by_key(|service| service.base_url.as_deref().map_or(0, str::len))
}
