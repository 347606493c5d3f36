//! Sessions, tokens that count once, and failures to sign in.

use ids::{OrganizationId, SessionId, UserId};

/// A signed-in browser or program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// Where the session is now.
    pub organization_id: Option<OrganizationId>,
    /// Number of the refresh token that counts.
    pub generation: i32,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// From where it was opened.
    pub remote_address: Option<String>,
    /// When it was opened, Unix milliseconds.
    pub created_at_ms: i64,
    /// When its generation was last raised, Unix milliseconds.
    pub last_seen_at_ms: i64,
    /// Its end unless it is refreshed before, Unix milliseconds.
    pub expires_at_ms: i64,
    /// When it was ended, Unix milliseconds.
    pub revoked_at_ms: Option<i64>,
    /// Why.
    pub revoked_reason: Option<String>,
}

impl SessionRow {
    /// Neither ended nor expired.
    #[must_use]
    pub const fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.expires_at_ms > now_ms
    }
}

/// What a token that counts once is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Proves an address.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Makes the first owner.
    Bootstrap,
}

impl TokenPurpose {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// A token that counts once; only its digest is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeTokenRow {
    /// SHA-256 of the token, in hexadecimal digits.
    pub token_hash: String,
    /// What it is for.
    pub purpose: TokenPurpose,
    /// Whose it is.
    pub user_id: Option<UserId>,
    /// The address that it proves.
    pub email: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// Its end, Unix milliseconds.
    pub expires_at_ms: i64,
}

/// How often something was tried in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// How often in a row.
    pub count: i32,
    /// The last time, Unix milliseconds.
    pub last_at_ms: i64,
}

/// Changes to an account; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// Name to show.
    pub display_name: Option<String>,
    /// IANA zone for times.
    pub time_zone: Option<String>,
    /// Settings of the UI, a JSON object.
    pub preferences: Option<String>,
}
