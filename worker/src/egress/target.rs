//! A URL that may be called.

use std::net::IpAddr;

use reqwest::Url;

use super::policy::{Denied, EgressPolicy, USUAL_PORTS};

/// How far the policy trusts the host of a URL; decides which addresses its name may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// An operator listed this host and port: any address but a metadata address.
    Listed,
    /// A port that every public host may be called on.
    UsualPort,
    /// Another port: only addresses that an operator allowed.
    OtherPort,
}

/// A checked URL. A name in it still has to pass the resolver.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    trust: Trust,
}

/// Why a text is not a URL that may be called. Never repeats the text: it may hold rendered secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text does not parse; says what is wrong with it.
    #[error("the URL is not valid: {0}")]
    Invalid(String),
    /// A line break, NUL or another control character, which a parser would silently drop.
    #[error("the URL holds a control character")]
    ControlCharacter,
    /// `user:password@` before the host.
    #[error("the URL holds credentials, which belong into headers")]
    Credentials,
    /// The policy forbids the destination.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Target {
    /// Parses and checks the URL of an action.
    pub fn parse(text: &str, policy: &EgressPolicy) -> Result<Self, TargetError> {
        if text.chars().any(char::is_control) {
            return Err(TargetError::ControlCharacter);
        }
        let url = Url::parse(text).map_err(|problem| TargetError::Invalid(problem.to_string()))?;
        Self::check(url, policy)
    }

    /// Resolves the `Location` of a redirect against this URL and checks the result anew.
    pub fn redirected(&self, location: &str, policy: &EgressPolicy) -> Result<Self, TargetError> {
        if location.chars().any(char::is_control) {
            return Err(TargetError::ControlCharacter);
        }
        let url = self.url.join(location).map_err(|problem| TargetError::Invalid(problem.to_string()))?;
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(Denied::Downgrade.into());
        }
        Self::check(url, policy)
    }

    fn check(mut url: Url, policy: &EgressPolicy) -> Result<Self, TargetError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Denied::Scheme.into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(TargetError::Invalid("no host".to_owned()));
        };
        let trust = if policy.lists(host, port) {
            Trust::Listed
        } else if USUAL_PORTS.contains(&port) {
            Trust::UsualPort
        } else {
            Trust::OtherPort
        };
        EgressPolicy::check_name(host, trust)?;
        // The URL parser has already turned decimal, octal, hexadecimal, short and full-width
        // spellings into the dotted form.
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            policy.check_address(address, trust)?;
        }
        url.set_fragment(None);
        Ok(Self { url, trust })
    }

    /// The URL, without fragment.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// For the query of the action to be added.
    pub(crate) fn url_mut(&mut self) -> &mut Url {
        &mut self.url
    }

    /// How far the host is trusted.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// `host` or `host:port`, for people: no path and no query, which may hold secrets.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether both have the same scheme, host and port.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_public_hosts_are_accepted_and_lose_their_fragment() {
        let policy = EgressPolicy::strict();
        for (text, trust) in [
            ("https://api.example.com/orders?id=1#top", Trust::UsualPort),
            ("http://api.example.com:8080/", Trust::UsualPort),
            ("http://1.1.1.1/", Trust::UsualPort),
            ("http://[2606:4700::1111]/", Trust::UsualPort),
            ("https://api.example.com:9000/", Trust::OtherPort),
        ] {
            let target = Target::parse(text, &policy).unwrap();
            assert_eq!((target.trust(), target.url().fragment()), (trust, None), "{text}");
        }
    }

    #[test]
    fn people_see_the_host_and_never_path_or_query() {
        let target = Target::parse("https://api.example.com:8443/a/b?token=s3cret", &EgressPolicy::strict()).unwrap();
        assert_eq!(target.authority(), "api.example.com:8443");
    }

    #[test]
    fn control_characters_are_refused_rather_than_dropped() {
        for text in ["http://exa\nmple.com/", "http://example.com/\r\nX: y", "http://example.com/\0", "\thttp://a.com"]
        {
            assert_eq!(Target::parse(text, &EgressPolicy::strict()).unwrap_err(), TargetError::ControlCharacter);
        }
    }

    #[test]
    fn a_redirect_may_change_path_and_host_but_not_fall_back_to_http() {
        let policy = EgressPolicy::strict();
        let from = Target::parse("https://api.example.com/a/b", &policy).unwrap();
        assert_eq!(from.redirected("../c", &policy).unwrap().url().as_str(), "https://api.example.com/c");
        assert!(!from.is_same_origin(&from.redirected("//other.example.com/", &policy).unwrap()));
        assert_eq!(from.redirected("http://api.example.com/", &policy).unwrap_err(), Denied::Downgrade.into());
        assert_eq!(from.redirected("file:///etc/passwd", &policy).unwrap_err(), Denied::Scheme.into());
        assert_eq!(from.redirected("https://u:p@api.example.com/", &policy).unwrap_err(), TargetError::Credentials);
    }
}
