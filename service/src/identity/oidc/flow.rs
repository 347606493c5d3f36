//! A sign-in, from the first click to the way back.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use form_urlencoded::Serializer;
use ids::{IdentityProviderId, OrganizationId, UserId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::{IdentityProviderRow, SignInFlowRow};
use url::Url;

use super::arrival;
use super::directory::{Directory, ProviderError};
use super::metadata::Metadata;
use super::providers;
use super::refusal::Refusal;
use super::token::{Expected, Subject, Token, TokenError};
use super::transport::{Call, Transport};
use crate::error::ServiceError;
use crate::hex;
use crate::identity::sessions::SignedIn;
use crate::sealed::Secret;
use crate::services::Services;
use crate::viewer::Origin;

/// Time to sign in at the provider, in milliseconds.
const LIFE_MS: i64 = 10 * 60 * 1_000;
/// Longest path to return to, in bytes.
const MAX_RETURN_TO: usize = 1_024;
/// Longest state and code that are looked at, in bytes.
const MAX_PARAMETER: usize = 4_096;

/// Signs people in with the identity providers of organizations. One for each process; cheap to clone.
#[derive(Debug, Clone)]
pub struct SingleSignOn {
    services: Services,
    directory: Arc<Directory>,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes: the provider.
    pub location: String,
    /// Name of the cookie, without prefix.
    pub cookie_name: String,
    /// What the browser keeps in it for ten minutes.
    pub cookie: Secret,
}

/// What came back with the browser.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The state that it was sent with.
    pub state: Option<String>,
    /// What the tokens are fetched with.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

/// A sign-in that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Who.
    pub user: UserId,
    /// Path of this site to go on at.
    pub return_to: String,
    /// Their session in the provider's organization; none when an identity was linked to whoever was signed in.
    pub session: Option<SignedIn>,
}

/// Whoever came back, and is to be believed.
pub(super) struct Arrived {
    pub user: UserId,
    /// The provider's organization.
    pub organization: OrganizationId,
    pub return_to: String,
    /// An identity was linked to whoever was signed in already.
    pub is_link: bool,
}

/// Name of the cookie for a sign-in with this state, without prefix: several tabs do not disturb each other.
#[must_use]
pub fn cookie_name(state: &str) -> String {
    format!("sluice_oidc_{}", &digest(state)[..16])
}

impl SingleSignOn {
    /// Over a transport that decides who may be connected to.
    #[must_use]
    pub fn new(services: Services, transport: Arc<dyn Transport>) -> Self {
        Self { services, directory: Arc::new(Directory::new(transport)) }
    }

    /// What it works with.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Begins a sign-in, or the linking of an identity to `link`, who is signed in to `organization`.
    ///
    /// # Errors
    /// When there is no such provider, it cannot be asked, or `return_to` leads elsewhere.
    #[boxed]
    pub async fn begin(
        &self,
        provider: IdentityProviderId,
        return_to: &str,
        link: Option<(UserId, OrganizationId)>,
    ) -> Result<Begun, Refusal> {
        if !is_own_path(return_to) {
            return Err(Refusal::ReturnTo);
        }
        let provider = self.provider(provider).await?;
        if link.is_some_and(|(_user, organization)| organization != provider.organization_id) {
            return Err(Refusal::NotSignedIn);
        }
        let now = self.services.now();
        let metadata = self.directory.metadata(&provider.issuer, now).await?;
        let (state, nonce, verifier, browser) = (random()?, random()?, random()?, random()?);
        // All of it is hashed into the row: a browser that changes a part of it is another browser.
        let linked = link.map(|(user, _organization)| user.to_string()).unwrap_or_default();
        let cookie = format!("{browser}.{}.{linked}", URL_SAFE_NO_PAD.encode(return_to));
        let flow = SignInFlowRow {
            state_hash: digest(&state),
            provider_id: provider.id,
            nonce: nonce.clone(),
            code_verifier: verifier.clone(),
            browser_hash: digest(&cookie),
            created_at_ms: now.0,
            expires_at_ms: now.0.saturating_add(LIFE_MS),
        };
        self.services.store().insert_sign_in_flow(flow).await?;
        let mut location = Url::parse(&metadata.authorization_endpoint)
            .map_err(|_not_an_address| ProviderError::Unreadable("authorization endpoint"))?;
        let groups = if metadata.has_groups_scope() { " groups" } else { "" };
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &format!("openid profile email{groups}"))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { location: location.into(), cookie_name: cookie_name(&state), cookie: Secret::new(cookie) })
    }

    /// Looks at what came back; leaves the provider of a sign-in that had begun in `of`.
    pub(super) async fn arrive(
        &self,
        answer: Answer,
        cookie: Option<&str>,
        signed_in: Option<UserId>,
        origin: &Origin,
        of: &mut Option<IdentityProviderRow>,
    ) -> Result<Arrived, Refusal> {
        let state = answer.state.as_deref().filter(|state| state.len() <= MAX_PARAMETER).ok_or(Refusal::Stale)?;
        let now = self.services.now();
        // Taken before anything else is looked at: whatever happens now, it does not happen twice.
        let flow = self.services.store().take_sign_in_flow(&digest(state), now.0).await?.ok_or(Refusal::Stale)?;
        let provider = of.insert(self.provider(flow.provider_id).await?);
        let cookie = cookie.filter(|cookie| digest(cookie) == flow.browser_hash).ok_or(Refusal::Stale)?;
        let (return_to, link) = remembered(cookie).ok_or(Refusal::Stale)?;
        if link.is_some() && link != signed_in {
            return Err(Refusal::NotSignedIn);
        }
        let metadata = self.directory.metadata(&provider.issuer, now).await?;
        let is_named = answer.iss.is_some() || metadata.always_names_itself();
        if is_named && answer.iss.as_deref() != Some(metadata.issuer.as_str()) {
            return Err(Refusal::MixedUp);
        }
        if let Some(error) = &answer.error {
            return Err(Refusal::Declined(word(error)));
        }
        let code = answer.code.filter(|code| code.len() <= MAX_PARAMETER).ok_or(Refusal::Stale)?;
        let subject = self.redeem(provider, &metadata, &flow, &code).await?;
        let user = match link {
            Some(user) => {
                arrival::link(&self.services, provider, subject, user, origin).await?;
                user
            }
            None => arrival::arrive(&self.services, provider, subject, origin).await?,
        };
        Ok(Arrived { user, organization: provider.organization_id, return_to, is_link: link.is_some() })
    }

    async fn provider(&self, id: IdentityProviderId) -> Result<IdentityProviderRow, Refusal> {
        let store = self.services.store();
        let provider = store.enabled_identity_provider(id).await?.ok_or(Refusal::UnknownProvider)?;
        // An organization that was deleted is gone at once, its rows a while later.
        let organization = store.organization(provider.organization_id).await?;
        organization.map(|_live| provider).ok_or(Refusal::UnknownProvider)
    }

    /// The one address to which providers send browsers back.
    fn redirect_uri(&self) -> String {
        format!("{}/auth/oidc/callback", self.services.settings().public_url)
    }

    /// Fetches the tokens for a code; whoever they name, if they are to be believed.
    async fn redeem(
        &self,
        provider: &IdentityProviderRow,
        metadata: &Metadata,
        flow: &SignInFlowRow,
        code: &str,
    ) -> Result<Subject, Refusal> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
            access_token: Option<String>,
        }
        #[derive(Deserialize)]
        struct Problem {
            error: String,
        }
        let reply = self.directory.redeem(self.call(provider, metadata, flow, code)?).await?;
        if reply.status != 200 {
            return Err(match serde_json::from_slice::<Problem>(&reply.body) {
                Ok(problem) if reply.status < 500 => Refusal::Declined(word(&problem.error)),
                _ => ProviderError::Status { what: "the code", status: reply.status }.into(),
            });
        }
        let tokens: Tokens =
            serde_json::from_slice(&reply.body).map_err(|_other| ProviderError::Unreadable("token answer"))?;
        let token = Token::read(&tokens.id_token)?;
        let now = self.services.now();
        let key = self.directory.key(metadata, &token, now).await?.ok_or(TokenError::UnknownKey)?;
        let claims = token.claims(&key)?;
        Ok(claims.check(&Expected {
            algorithm: token.algorithm,
            issuer: &metadata.issuer,
            client_id: &provider.client_id,
            nonce: &flow.nonce,
            access_token: tokens.access_token.as_deref(),
            begun_at: engine::Timestamp(flow.created_at_ms),
            now,
        })?)
    }

    fn call(
        &self,
        provider: &IdentityProviderRow,
        metadata: &Metadata,
        flow: &SignInFlowRow,
        code: &str,
    ) -> Result<Call, Refusal> {
        let secret = providers::client_secret(&self.services, provider)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("code_verifier", &flow.code_verifier);
        let mut authorization = None;
        match &secret {
            Some(secret) if !metadata.wants_secret_in_body() => {
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&provider.client_id), encoded(secret.reveal()));
                authorization = Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))));
            }
            Some(secret) => {
                form.append_pair("client_id", &provider.client_id).append_pair("client_secret", secret.reveal());
            }
            None => {
                form.append_pair("client_id", &provider.client_id);
            }
        }
        let form = Some(Secret::new(form.finish()));
        // The directory sets the limits.
        let timeout = std::time::Duration::ZERO;
        Ok(Call { url: metadata.token_endpoint.clone(), form, authorization, max_bytes: 0, timeout })
    }
}

/// Return path and linked account out of a cookie that is known to be ours.
fn remembered(cookie: &str) -> Option<(String, Option<UserId>)> {
    let mut parts = cookie.split('.');
    let (_browser, return_to, link) = (parts.next()?, parts.next()?, parts.next()?);
    let return_to = String::from_utf8(URL_SAFE_NO_PAD.decode(return_to).ok()?).ok()?;
    let link = if link.is_empty() { None } else { Some(link.parse().ok()?) };
    Some((return_to, link))
}

/// A path of this site: browsers read `//host` and `/\host` as another one.
fn is_own_path(path: &str) -> bool {
    path.len() <= MAX_RETURN_TO
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// 256 random bits as text.
fn random() -> Result<String, ServiceError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServiceError::Internal { what: "there are no random bytes", source: Box::new(error) })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// A code of OAuth as it may be shown: anybody can call the way back with anything.
fn word(error: &str) -> String {
    let is_word =
        !error.is_empty() && error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { error.to_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_returned_to() {
        for own in ["/", "/workflows?first=10#top", "/a//b", "/%2F%2Fevil.com"] {
            assert!(is_own_path(own), "{own}");
        }
        let long = format!("/{}", "a".repeat(MAX_RETURN_TO));
        for foreign in [
            "",
            "//evil.com",
            "/\\evil.com",
            "\\\\evil.com",
            "https://evil.com",
            "evil.com",
            "/\t/evil.com",
            "/a\r\nset-cookie: x",
            "javascript:alert(1)",
            " /",
            "/ü",
            &long,
        ] {
            assert!(!is_own_path(foreign), "{foreign}");
        }
    }

    #[test]
    fn what_a_provider_says_is_shown_only_if_it_is_a_word() {
        assert_eq!(word("access_denied"), "access_denied");
        assert_eq!(word("<script>"), "unknown");
        assert_eq!(word(""), "unknown");
    }
}
