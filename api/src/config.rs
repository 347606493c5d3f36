//! How the front door behaves.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri, header};
use service::rates::Rates;

use crate::credentials::CookieStyle;
use crate::limits::{GuardLimits, WsLimits};
use crate::persisted::PersistedDocuments;
use crate::policy::{Introspection, OperationPolicy};
use crate::proxies::TrustedProxies;

/// Settings of the HTTP side; every one has a default that fits.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Longest request body in bytes.
    pub max_body: usize,
    /// Time for a request body to arrive.
    pub body_timeout: Duration,
    /// Time for a query or mutation to end. Longer than any `wait` that a mutation offers.
    pub request_timeout: Duration,
    /// Origins, such as `https://console.example.com`, whose pages may use the API besides our own.
    pub allowed_origins: Vec<String>,
    /// Which `Host` headers are served.
    pub hosts: HostCheck,
    /// How browsers that ask for it keep tokens.
    pub cookies: CookieStyle,
    /// Limits of documents.
    pub guard: GuardLimits,
    /// Longest body in bytes of a request that is nobody's.
    pub max_body_of_strangers: usize,
    /// How much callers may ask for in a time.
    pub rates: Rates,
    /// Proxies whose word about addresses is taken.
    pub proxies: TrustedProxies,
    /// Who may ask for the schema.
    pub introspection: Introspection,
    /// Which documents are executed.
    pub operations: OperationPolicy,
    /// Where documents are kept that are named by their digest; none are when absent.
    pub persisted: Option<Arc<dyn PersistedDocuments>>,
    /// Whether browsers get the GraphiQL page.
    pub graphiql: bool,
    /// For how long browsers shall use nothing but TLS for this name; they are not told when absent.
    pub hsts: Option<Duration>,
    /// Where to report a weakness of this installation, as a URI; `/.well-known/security.txt` tells it.
    pub security_contact: Option<Arc<str>>,
    /// Whether `/readyz` names the parts that it asks.
    pub tells_parts: bool,
    /// Limits of WebSockets.
    pub ws: WsLimits,
    /// Interval of comments that keep an SSE connection open.
    pub sse_keep_alive: Duration,
    /// Time for one part of `/readyz` to answer.
    pub health_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(35),
            allowed_origins: Vec::new(),
            hosts: HostCheck::Any,
            cookies: CookieStyle::Secure,
            guard: GuardLimits::SIGNED_IN,
            max_body_of_strangers: 64 * 1024,
            rates: Rates::off(),
            proxies: TrustedProxies::default(),
            introspection: Introspection::default(),
            operations: OperationPolicy::default(),
            persisted: None,
            graphiql: false,
            hsts: None,
            security_contact: None,
            tells_parts: false,
            ws: WsLimits::default(),
            sse_keep_alive: Duration::from_secs(15),
            health_timeout: Duration::from_secs(2),
        }
    }
}

/// Which `Host` headers are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCheck {
    /// All: a name points at this server on purpose, and callers need credentials.
    Any,
    /// Only names of this machine. Without credentials it is the only defence against a web page whose
    /// name was pointed at 127.0.0.1 after it was loaded.
    Loopback,
}

impl HostCheck {
    /// Whether a request with these headers is served.
    pub(crate) fn admits(self, uri: &Uri, headers: &HeaderMap) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => host(uri, headers).is_some_and(|host| is_loopback(name_of(&host))),
        }
    }
}

/// Whether a page of the request's `Origin` may use the API. Callers that are no browsers send none.
pub(crate) fn admits_origin(config: &HttpConfig, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    config.allowed_origins.iter().any(|allowed| allowed == origin) || is_same_host(origin, uri, headers)
}

/// The scheme is left out: behind a proxy that ends TLS the server cannot know it.
fn is_same_host(origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some((scheme, origin_host)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    host(uri, headers).is_some_and(|host| plain(&host) == plain(origin_host))
}

fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let from_header = headers.get(header::HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    from_header.or_else(|| uri.authority().map(ToString::to_string))
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

/// Whether a host, with or without its port, is this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    is_loopback(name_of(host))
}

fn is_loopback(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || {
        let address: Result<std::net::IpAddr, _> = name.parse();
        address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(host: &'static str, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if !origin.is_empty() {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn an_origin_is_admitted_if_it_is_our_host_or_configured() {
        let config =
            HttpConfig { allowed_origins: vec!["https://console.example".to_owned()], ..HttpConfig::default() };
        let admits = |host, origin| admits_origin(&config, &Uri::from_static("/graphql"), &headers(host, origin));
        assert!(admits("127.0.0.1:8080", ""));
        assert!(admits("127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert!(admits("sluice.example", "https://sluice.example"));
        assert!(admits("Sluice.Example:443", "https://sluice.example"));
        assert!(admits("sluice.example", "https://console.example"));
        for foreign in [
            "http://127.0.0.1:8081",
            "https://evil.example",
            "https://console.example.evil",
            "null",
            "https://sluice.example.evil",
            "chrome-extension://sluice.example",
        ] {
            assert!(!admits("127.0.0.1:8080", foreign), "{foreign}");
        }
    }

    #[test]
    fn a_loopback_server_knows_its_own_names_only() {
        let admits = |host| HostCheck::Loopback.admits(&Uri::from_static("/"), &headers(host, ""));
        for own in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.3.2.1", "[::1]:8080", "LOCALHOST"] {
            assert!(admits(own), "{own}");
        }
        for foreign in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "10.0.0.1", "[::2]"] {
            assert!(!admits(foreign), "{foreign}");
        }
        assert!(!HostCheck::Loopback.admits(&Uri::from_static("/"), &HeaderMap::new()));
    }
}
