//! Why somebody could not sign in with an identity provider.

use super::directory::ProviderError;
use super::token::TokenError;
use crate::code::Code;
use crate::error::ServiceError;
use crate::sealed::SealError;

/// Why a sign-in did not begin or did not succeed. What is shown of it tells nothing about others.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or it is disabled.
    #[error("there is no such way to sign in")]
    UnknownProvider,
    /// Where to go afterwards is not on this site.
    #[error("`return_to` is not a path of this site: it has to begin with one `/`")]
    ReturnTo,
    /// Whoever wants to link an identity is not signed in to the provider's organization.
    #[error("sign in to the organization first, then link your identity")]
    NotSignedIn,
    /// Unknown, used, expired, or of another browser.
    #[error("this sign-in is not valid any more, or began in another browser")]
    Stale,
    /// The provider said no; its code, as far as it is a word.
    #[error("the identity provider refused the sign-in: {0}")]
    Declined(String),
    /// The provider cannot be asked.
    #[error("the identity provider cannot be used")]
    Provider(#[from] ProviderError),
    /// The answer comes from another provider than the sign-in went to.
    #[error("the answer came from another identity provider")]
    MixedUp,
    /// What the provider sent does not hold.
    #[error("what the identity provider sent is not trusted")]
    Untrusted(#[from] TokenError),
    /// The address belongs to an account, which is not taken over.
    #[error("there is an account with this address already")]
    AccountExists,
    /// Nothing of what the provider says gives a role.
    #[error("the identity provider gives this person no role here")]
    NoRole,
    /// The account may not sign in.
    #[error("the account may not sign in")]
    Inactive,
    /// The identity is linked to another account.
    #[error("this identity belongs to another account already")]
    LinkedElsewhere,
    /// The stored secret of the client cannot be read.
    #[error("the client secret cannot be read")]
    ClientSecret(#[from] SealError),
    /// Something else.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Refusal {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownProvider => Code::NotFound,
            Self::ReturnTo => Code::Invalid,
            Self::NotSignedIn => Code::Unauthenticated,
            Self::Stale => Code::SignInStale,
            Self::Declined(_) => Code::SignInDeclined,
            Self::Provider(_) => Code::IdentityProviderUnavailable,
            Self::MixedUp | Self::Untrusted(_) => Code::SignInUntrusted,
            Self::AccountExists => Code::SignInAccountExists,
            Self::NoRole => Code::SignInNoRole,
            Self::Inactive => Code::Forbidden,
            Self::LinkedElsewhere => Code::Conflict,
            Self::ClientSecret(_) => Code::Internal,
            Self::Service(error) => error.code(),
        }
    }

    /// What whoever signs in can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "Begin at the sign-in page.",
            Self::ReturnTo => "Begin at the sign-in page.",
            Self::NotSignedIn => "Sign in first.",
            Self::Stale => "Begin again, and finish within ten minutes in the same browser.",
            Self::Declined(_) => "Begin again, or ask whoever runs the identity provider.",
            Self::Provider(_) => "Try again in a minute; if it stays, tell an owner of the organization.",
            Self::MixedUp | Self::Untrusted(_) => {
                "Begin again; if it stays, tell an owner of the organization: the log of the server says why."
            }
            Self::AccountExists => "Sign in to that account as before, then link this identity in its settings.",
            Self::NoRole => "Ask an owner of the organization for access.",
            Self::Inactive => "Ask an owner of the organization.",
            Self::LinkedElsewhere => "Sign in with this identity, or use another one.",
            Self::ClientSecret(_) => "Tell an owner of the organization: the client secret has to be set again.",
            Self::Service(_) => "Try again in a minute.",
        }
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        Self::Service(error.into())
    }
}
