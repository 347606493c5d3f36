//! What an issuer says about itself: OpenID Connect Discovery 1.0.

use serde::Deserialize;
use url::Url;

/// Where an issuer is asked. As it was answered; [`Metadata::check`] says whether it may be used.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Why what an issuer says about itself is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum MetadataError {
    /// Of somebody else.
    #[error("its discovery document names another issuer")]
    Issuer,
    /// Not `https`, and not on this machine.
    #[error("its `{0}` is no https address")]
    Endpoint(&'static str),
}

impl Metadata {
    /// Refuses a document of another issuer, and addresses to which no secret should go.
    pub fn check(self, issuer: &str) -> Result<Self, MetadataError> {
        if self.issuer != issuer {
            return Err(MetadataError::Issuer);
        }
        for (name, endpoint) in [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("jwks_uri", &self.jwks_uri),
        ] {
            if !is_safe(endpoint) {
                return Err(MetadataError::Endpoint(name));
            }
        }
        Ok(self)
    }

    /// Whether the client's secret goes into the body rather than into the header, which is the default.
    pub fn wants_secret_in_body(&self) -> bool {
        let supports = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|known| known == method);
        supports("client_secret_post") && !supports("client_secret_basic")
    }

    /// Whether groups have to be asked for by a scope of their own.
    pub fn has_groups_scope(&self) -> bool {
        self.scopes_supported.iter().any(|scope| scope == "groups")
    }

    /// Whether each answer names its issuer (RFC 9207), so that one without comes from somebody else.
    pub fn always_names_itself(&self) -> bool {
        self.authorization_response_iss_parameter_supported
    }
}

/// Where the discovery document of an issuer is.
pub(super) fn address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// Whether an address may be an issuer's or one of its endpoints: `https`, or `http` on this machine for
/// development; the transport decides whether this machine may be called.
pub(super) fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    is_plain && url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_https_addresses_or_to_this_machine_alone() {
        for safe in ["https://id.example.com", "https://id.example.com/realms/a", "http://127.0.0.1:9000/x"] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_one in
            ["http://id.example.com", "ftp://a", "https://u:p@a", "https://a/#x", "", "a", "http://127.0.0.1.evil.com"]
        {
            assert!(!is_safe(unsafe_one), "{unsafe_one}");
        }
        assert_eq!(address("https://a/"), "https://a/.well-known/openid-configuration");
    }
}
