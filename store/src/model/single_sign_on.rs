//! Identity providers, who somebody is there, and sign-ins that have begun.

use std::fmt;

use ids::{IdentityProviderId, OrganizationId, UserId};

/// An identity provider of an organization.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityProviderRow {
    /// Its id.
    pub id: IdentityProviderId,
    /// Whose members sign in with it.
    pub organization_id: OrganizationId,
    /// Name on the button.
    pub name: String,
    /// Issuer, as its tokens name it.
    pub issuer: String,
    /// What the provider calls this installation.
    pub client_id: String,
    /// Encrypted; public clients have none.
    pub client_secret: Option<String>,
    /// Claims to roles, a JSON object.
    pub role_mapping: String,
    /// False: nobody can sign in with it.
    pub is_enabled: bool,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it was changed, Unix milliseconds.
    pub updated_at_ms: i64,
}

impl fmt::Debug for IdentityProviderRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityProviderRow").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who somebody is at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserIdentityRow {
    /// The provider.
    pub provider_id: IdentityProviderId,
    /// What the provider calls them, for ever and nobody else.
    pub subject: String,
    /// Who.
    pub user_id: UserId,
    /// Since when, Unix milliseconds.
    pub created_at_ms: i64,
}

/// A sign-in at an identity provider that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInFlowRow {
    /// SHA-256 of the state, in hexadecimal digits.
    pub state_hash: String,
    /// The provider.
    pub provider_id: IdentityProviderId,
    /// What the token has to repeat.
    pub nonce: String,
    /// What proves to the provider that whoever began redeems the code.
    pub code_verifier: String,
    /// SHA-256 of what the browser that began holds in a cookie.
    pub browser_hash: String,
    /// When it began, Unix milliseconds.
    pub created_at_ms: i64,
    /// Until when it can be finished, Unix milliseconds.
    pub expires_at_ms: i64,
}

impl fmt::Debug for SignInFlowRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInFlowRow").field("provider_id", &self.provider_id).finish_non_exhaustive()
    }
}
