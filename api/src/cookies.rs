//! Tokens that an operation puts into a browser's cookies, or takes out of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use engine::Timestamp;

use crate::credentials::{self, CookieStyle, WANTS_COOKIES};

/// The cookies of one request. Resolvers find it in the request's data; the answer gets what they leave there.
///
/// Over a WebSocket or a stream of events an answer has no headers: there it keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct Cookies(Option<Arc<Jar>>);

struct Jar {
    /// The client asked for cookies.
    is_wanted: bool,
    refresh_token: Option<String>,
    change: Mutex<Option<Change>>,
}

/// Without tokens.
impl std::fmt::Debug for Jar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jar").field("is_wanted", &self.is_wanted).finish_non_exhaustive()
    }
}

enum Change {
    SignedIn { access: Kept, refresh: Kept },
    SignedOut,
}

/// A token and how long a browser keeps it.
struct Kept {
    token: String,
    for_: Duration,
}

impl Cookies {
    /// Those of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap, style: CookieStyle) -> Self {
        Self(Some(Arc::new(Jar {
            is_wanted: headers.get(WANTS_COOKIES).is_some_and(|value| value == "1"),
            refresh_token: credentials::refresh_cookie(headers, style).map(str::to_owned),
            change: Mutex::new(None),
        })))
    }

    /// The refresh token that the browser keeps.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        self.0.as_ref()?.refresh_token.as_deref()
    }

    /// Somebody signed in: the browser keeps their tokens, each for as long as it is good, if its page asked for it.
    pub fn keep(&self, access: (&str, Duration), refresh: (&str, Duration)) {
        let kept = |(token, for_): (&str, Duration)| Kept { token: token.to_owned(), for_ };
        if let Some(jar) = self.0.as_ref().filter(|jar| jar.is_wanted) {
            jar.set(Change::SignedIn { access: kept(access), refresh: kept(refresh) });
        }
    }

    /// The caller signed out: the browser forgets the tokens.
    pub fn forget(&self) {
        if let Some(jar) = self.0.as_ref().filter(|jar| jar.is_wanted || jar.refresh_token.is_some()) {
            jar.set(Change::SignedOut);
        }
    }

    /// The headers `Set-Cookie` of the answer.
    pub(crate) fn headers(&self, style: CookieStyle) -> Vec<HeaderValue> {
        let Some(change) = self.0.as_ref().and_then(|jar| jar.take()) else { return Vec::new() };
        match change {
            Change::SignedIn { access, refresh } => {
                signed_in(style, (&access.token, access.for_), (&refresh.token, refresh.for_))
            }
            Change::SignedOut => signed_in(style, ("", Duration::ZERO), ("", Duration::ZERO)),
        }
    }
}

/// The headers `Set-Cookie` for the tokens of somebody, each for as long as it is good.
pub(crate) fn signed_in(style: CookieStyle, access: (&str, Duration), refresh: (&str, Duration)) -> Vec<HeaderValue> {
    let lines = [(style.access(), access), (style.refresh(), refresh)];
    let values = lines.map(|(name, (token, kept_for))| HeaderValue::from_str(&line(style, name, token, kept_for)));
    values
        .into_iter()
        .flatten()
        .map(|mut value| {
            value.set_sensitive(true);
            value
        })
        .collect()
}

/// How long a token is good from now on.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0))
}

impl Jar {
    fn set(&self, change: Change) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    fn take(&self) -> Option<Change> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A header `Set-Cookie`, out of reach of scripts and of forms of other sites.
pub(crate) fn line(style: CookieStyle, name: &str, token: &str, kept_for: Duration) -> String {
    let secure = match style {
        CookieStyle::Secure => "; Secure",
        CookieStyle::Plain => "",
    };
    format!("{name}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", kept_for.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(pairs: &[(&'static str, &'static str)], style: CookieStyle) -> Cookies {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Cookies::of(&headers, style)
    }

    fn lines(cookies: &Cookies, style: CookieStyle) -> Vec<String> {
        cookies.headers(style).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    const TOKENS: [(&str, Duration); 2] = [("abc", Duration::from_mins(10)), ("xyz", Duration::from_hours(1))];

    #[test]
    fn a_browser_that_asks_keeps_its_tokens_where_scripts_cannot_read_them() {
        let asked = cookies(&[("x-sluice-cookies", "1")], CookieStyle::Secure);
        asked.keep(TOKENS[0], TOKENS[1]);
        assert_eq!(
            lines(&asked, CookieStyle::Secure),
            [
                "__Host-sluice_access=abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
                "__Host-sluice_refresh=xyz; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure",
            ]
        );
        asked.keep(TOKENS[0], TOKENS[1]);
        assert_eq!(
            lines(&asked, CookieStyle::Plain)[0],
            "sluice_access=abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_program_that_does_not_ask_gets_no_cookies() {
        for cookies in [cookies(&[], CookieStyle::Plain), Cookies::default()] {
            cookies.keep(TOKENS[0], TOKENS[1]);
            cookies.forget();
            assert!(cookies.headers(CookieStyle::Plain).is_empty());
        }
    }

    #[test]
    fn who_signs_out_keeps_nothing() {
        let signed_in = [("cookie", "sluice_refresh=xyz"), ("origin", "http://127.0.0.1:8080")];
        let cookies = cookies(&signed_in, CookieStyle::Plain);
        assert_eq!(cookies.refresh_token(), Some("xyz"));
        cookies.forget();
        assert_eq!(
            lines(&cookies, CookieStyle::Plain),
            [
                "sluice_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
                "sluice_refresh=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
            ]
        );
        assert!(!format!("{cookies:?}").contains("xyz"));
    }
}
