//! Sign-in with identity providers, as browsers see it: they are sent there, and come back signed in.

mod cookies;
mod page;

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ids::UserId;
use serde::Deserialize;
use service::identity::oidc::{self, Answer, Refusal, SingleSignOn};
use service::viewer::{Credential, Viewer};
use service::{Origin, ServiceError};

use crate::cookies::left;
use crate::credentials::{CookieStyle, WANTS_COOKIES};
use crate::origin;
use crate::proxies::TrustedProxies;
use crate::viewers::ViewerSource;

/// What the routes share.
#[derive(Clone)]
pub(super) struct Desk {
    single_sign_on: SingleSignOn,
    viewers: ViewerSource,
    cookies: CookieStyle,
    proxies: TrustedProxies,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Wish {
    return_to: Option<String>,
}

/// Sends the browser to the provider.
pub(super) async fn start(
    State(desk): State<Desk>,
    Path(provider): Path<String>,
    Query(wish): Query<Wish>,
) -> Result<Response, Refused> {
    desk.begin(&provider, &wish, None).await
}

/// Sends a browser in which somebody is signed in to the provider, to link an identity to their account.
///
/// A page of somebody else must not do that for them: it would link the identity of its own owner.
pub(super) async fn link(
    State(desk): State<Desk>,
    Path(provider): Path<String>,
    Query(wish): Query<Wish>,
    caller: Caller,
) -> Result<Response, Refused> {
    let public_url = &desk.single_sign_on.services().settings().public_url;
    let sent_from = caller.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if sent_from != Some(origin_of(public_url)) {
        return Err(Refusal::NotSignedIn.into());
    }
    let viewer = desk.viewer(&caller).await.ok_or(Refusal::NotSignedIn)?;
    let user = signed_in(&viewer).ok_or(Refusal::NotSignedIn)?;
    desk.begin(&provider, &wish, Some((user, viewer.organization))).await
}

/// Where providers send browsers back to.
pub(super) async fn callback(
    State(desk): State<Desk>,
    Query(answer): Query<Answer>,
    caller: Caller,
) -> Result<Response, Refused> {
    let name = oidc::cookie_name(answer.state.as_deref().unwrap_or_default());
    let cookie = cookies::read(&caller.headers, desk.cookies, &name).map(str::to_owned);
    // A provider sends the browser, and nothing tells that it was one of our pages that began. The cookie does: it
    // counts with the state that came back, once.
    let viewer = if cookie.is_some() { desk.viewer(&caller.as_of_own_page()).await } else { None };
    let user = viewer.as_ref().and_then(signed_in);
    let (single_sign_on, origin) = (desk.single_sign_on.clone(), caller.origin);
    // In a task of its own, so that nothing stays half done when the browser goes away.
    let finished =
        tokio::spawn(async move { single_sign_on.finish(answer, cookie.as_deref(), user, &origin).await }).await;
    let completed = finished.map_err(|panic| ServiceError::Internal {
        what: "a sign-in with an identity provider broke",
        source: panic.into(),
    })??;
    let mut response = redirect(&completed.return_to, &cookies::clear(desk.cookies, &name));
    if let Some(session) = completed.session {
        let now = desk.single_sign_on.services().now();
        let access = (session.access_token.as_str(), left(session.access_expires_at, now));
        let refresh = (session.refresh_token.as_str(), left(session.refresh_expires_at, now));
        for value in crate::cookies::signed_in(desk.cookies, access, refresh) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

impl Desk {
    pub(super) fn new(single_sign_on: SingleSignOn, viewers: ViewerSource, proxies: TrustedProxies) -> Self {
        let cookies = CookieStyle::of_url(&single_sign_on.services().settings().public_url);
        Self { single_sign_on, viewers, cookies, proxies }
    }

    async fn begin(
        &self,
        provider: &str,
        wish: &Wish,
        link: Option<(UserId, ids::OrganizationId)>,
    ) -> Result<Response, Refused> {
        let provider = provider.parse().map_err(|_no_id| Refusal::UnknownProvider)?;
        let return_to = wish.return_to.as_deref().unwrap_or("/");
        let begun = self.single_sign_on.begin(provider, return_to, link).await?;
        let cookie = cookies::of_flow(self.cookies, &begun.cookie_name, begun.cookie.reveal());
        Ok(redirect(&begun.location, &cookie))
    }

    /// Whoever is signed in already; nobody, when that cannot be said.
    async fn viewer(&self, caller: &Caller) -> Option<Viewer> {
        self.viewers.authenticate(&caller.headers, &caller.origin).await.ok().flatten().map(|admitted| admitted.viewer)
    }
}

fn signed_in(viewer: &Viewer) -> Option<UserId> {
    match viewer.credential {
        Credential::Session { user, .. } => Some(user),
        Credential::ApiKey { .. } | Credential::Link { .. } | Credential::Unguarded | Credential::System => None,
    }
}

/// Scheme, host and port of an address without a slash at its end.
fn origin_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or(url, |slash| &url[..after_scheme + slash])
}

fn redirect(location: &str, cookie: &str) -> Response {
    // Locations come out of a URL parser or are visible ASCII, and cookies are ours.
    let (Ok(location), Ok(mut cookie)) = (HeaderValue::from_str(location), HeaderValue::from_str(cookie)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    cookie.set_sensitive(true);
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::SET_COOKIE, cookie)]).into_response()
}

/// Headers of a request, and where it came from.
pub(super) struct Caller {
    headers: HeaderMap,
    origin: Origin,
}

impl Caller {
    /// The same with what makes cookies count.
    fn as_of_own_page(&self) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(WANTS_COOKIES, HeaderValue::from_static("1"));
        Self { headers, origin: self.origin.clone() }
    }
}

impl FromRequestParts<Desk> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Self::Rejection> {
        Ok(Self {
            headers: parts.headers.clone(),
            origin: origin::of(&desk.proxies, &parts.headers, &parts.extensions),
        })
    }
}

/// A refusal on its way to a page.
pub(super) struct Refused(Refusal);

impl<R: Into<Refusal>> From<R> for Refused {
    fn from(refusal: R) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        page::refusal(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin_of("https://sluice.example.com"), "https://sluice.example.com");
        assert_eq!(origin_of("https://example.com/sluice"), "https://example.com");
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
