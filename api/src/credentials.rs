//! Where a request carries its credentials: `Authorization: Bearer`, else a cookie.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// With this header a browser's program says that it wants cookies, or that it knows it sends them. Pages of
/// other origins cannot send it without being asked first, and they are refused then.
pub(crate) const WANTS_COOKIES: HeaderName = HeaderName::from_static("x-sluice-cookies");

/// Under which names and conditions browsers keep tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieStyle {
    /// Over TLS only, for this host only: no sibling of it can put one there.
    Secure,
    /// For servers of this machine, which have no TLS.
    Plain,
}

impl CookieStyle {
    /// What fits a server that people reach at `url`.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
        if host.is_some_and(crate::config::is_loopback_host) { Self::Plain } else { Self::Secure }
    }

    /// The full name of a cookie of this server.
    pub(crate) fn named(self, name: &str) -> String {
        match self {
            Self::Secure => format!("__Host-{name}"),
            Self::Plain => name.to_owned(),
        }
    }

    /// Name of the cookie with the access token.
    pub(crate) const fn access(self) -> &'static str {
        match self {
            Self::Secure => "__Host-sluice_access",
            Self::Plain => "sluice_access",
        }
    }

    /// Name of the cookie with the refresh token.
    pub(crate) const fn refresh(self) -> &'static str {
        match self {
            Self::Secure => "__Host-sluice_refresh",
            Self::Plain => "sluice_refresh",
        }
    }
}

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented<'a> {
    /// No credentials.
    Nothing,
    /// Something in the place of credentials that is none.
    Unreadable,
    /// A token in `Authorization`.
    Bearer(&'a str),
    /// A token in a cookie.
    Cookie(&'a str),
}

/// The credentials of a request. `Authorization` wins over a cookie, also when it is wrong.
pub(crate) fn presented(headers: &HeaderMap, style: CookieStyle) -> Presented<'_> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = given.next() {
        let token = value.to_str().ok().and_then(bearer).filter(|_token| given.next().is_none());
        return token.map_or(Presented::Unreadable, Presented::Bearer);
    }
    if !may_use_cookies(headers) {
        return Presented::Nothing;
    }
    cookie(headers, style.access()).map_or(Presented::Nothing, Presented::Cookie)
}

/// Whether cookies count. Browsers send them for every page; only with `Origin`, which is checked before, or a
/// header that other origins cannot send, is it known that one of our own pages asks.
fn may_use_cookies(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(WANTS_COOKIES)
}

/// The refresh token that a browser keeps.
pub(crate) fn refresh_cookie(headers: &HeaderMap, style: CookieStyle) -> Option<&str> {
    if may_use_cookies(headers) { cookie(headers, style.refresh()) } else { None }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The value of a cookie. A name that comes twice with different values is as good as none: another host of the
/// same site may have put it there.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(known, _)| known.trim() == name).map(|(_, value)| value.trim());
    let first = values.next().filter(|value| !value.is_empty())?;
    values.all(|other| other == first).then_some(first)
}

/// The headers that [`presented`] looks at, alone: what has to be kept to ask again who somebody is.
pub(crate) fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::AUTHORIZATION, header::COOKIE, header::ORIGIN, WANTS_COOKIES] {
        for value in headers.get_all(&name) {
            let mut value: HeaderValue = value.clone();
            // So that `Debug` does not show it.
            value.set_sensitive(true);
            kept.append(&name, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn credentials_are_found_where_they_may_be() {
        let own = ("origin", "https://sluice.example");
        let both = ("cookie", "theme=dark; __Host-sluice_access=abc; sluice_access=plain");
        let table: [(&[(&'static str, &'static str)], Presented<'_>); 15] = [
            (&[], Presented::Nothing),
            (&[("authorization", "Bearer abc")], Presented::Bearer("abc")),
            (&[("authorization", "bearer  abc ")], Presented::Bearer("abc")),
            (&[("authorization", "Bearer ")], Presented::Unreadable),
            (&[("authorization", "Basic abc")], Presented::Unreadable),
            (&[("authorization", "abc")], Presented::Unreadable),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Presented::Unreadable),
            (&[("authorization", "Bearer abc"), both, own], Presented::Bearer("abc")),
            (&[("authorization", "Basic abc"), both, own], Presented::Unreadable),
            (&[both, own], Presented::Cookie("abc")),
            (&[both, ("x-sluice-cookies", "1")], Presented::Cookie("abc")),
            (&[both], Presented::Nothing),
            // A page of a sibling host, or of nobody's without TLS, could have put it there.
            (&[("cookie", "sluice_access=plain"), own], Presented::Nothing),
            (&[("cookie", "__Host-sluice_access=a; __Host-sluice_access=b"), own], Presented::Nothing),
            (&[("cookie", "__Host-sluice_access="), own], Presented::Nothing),
        ];
        for (pairs, expected) in table {
            assert_eq!(presented(&headers(pairs), CookieStyle::Secure), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_refresh_token_counts_where_an_access_token_does() {
        let line = ("cookie", "sluice_refresh=xyz");
        assert_eq!(refresh_cookie(&headers(&[line]), CookieStyle::Plain), None);
        let asked = headers(&[line, ("x-sluice-cookies", "1")]);
        assert_eq!(refresh_cookie(&asked, CookieStyle::Plain), Some("xyz"));
        assert_eq!(refresh_cookie(&asked, CookieStyle::Secure), None);
    }

    #[test]
    fn only_servers_of_this_machine_go_without_tls() {
        for plain in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080/sluice"] {
            assert_eq!(CookieStyle::of_url(plain), CookieStyle::Plain, "{plain}");
        }
        for secure in ["https://127.0.0.1:8080", "http://sluice.example", "http://localhost.evil.example", ""] {
            assert_eq!(CookieStyle::of_url(secure), CookieStyle::Secure, "{secure}");
        }
    }

    #[test]
    fn what_is_kept_of_a_request_is_not_shown() {
        let kept = kept(&headers(&[("authorization", "Bearer abc"), ("user-agent", "curl")]));
        assert_eq!(presented(&kept, CookieStyle::Secure), Presented::Bearer("abc"));
        assert_eq!(kept.len(), 1);
        assert!(!format!("{kept:?}").contains("abc"));
    }
}
