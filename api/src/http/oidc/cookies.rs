//! What a browser keeps of a sign-in that has begun.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::cookies::line;
use crate::credentials::{self, CookieStyle};

/// How long a sign-in may take.
const LIFE: Duration = Duration::from_mins(10);

/// The cookie of a sign-in that has begun.
pub(super) fn of_flow(style: CookieStyle, name: &str, value: &str) -> String {
    line(style, &style.named(name), value, LIFE)
}

/// Takes a cookie away.
pub(super) fn clear(style: CookieStyle, name: &str) -> String {
    line(style, &style.named(name), "", Duration::ZERO)
}

/// The value of a cookie. Whatever page sent the browser here: providers are others.
pub(super) fn read<'a>(headers: &'a HeaderMap, style: CookieStyle, name: &str) -> Option<&'a str> {
    credentials::cookie(headers, &style.named(name))
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn a_cookie_is_read_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; __Host-sluice_x=2; sluice_x=3".parse().unwrap());
        headers.append(header::COOKIE, "b=4".parse().unwrap());
        assert_eq!(read(&headers, CookieStyle::Secure, "sluice_x"), Some("2"));
        assert_eq!(read(&headers, CookieStyle::Plain, "sluice_x"), Some("3"));
        assert_eq!(read(&headers, CookieStyle::Plain, "b"), Some("4"));
        assert_eq!(read(&headers, CookieStyle::Plain, "x"), None);
    }

    #[test]
    fn over_https_no_other_host_can_set_it() {
        let cookie = of_flow(CookieStyle::Secure, "sluice_x", "v");
        assert_eq!(cookie, "__Host-sluice_x=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
        let gone = clear(CookieStyle::Plain, "sluice_x");
        assert_eq!(gone, "sluice_x=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
