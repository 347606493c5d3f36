//! Who sends a request.

use std::sync::Arc;

use axum::http::HeaderMap;
use futures::future::{self, BoxFuture};
use ids::OrganizationId;
use service::{Code, Origin, Viewer};

/// Turns the credentials of a request into a viewer.
pub trait Authenticate: Send + Sync {
    /// Who sent these headers; `None` when they carry no credentials.
    ///
    /// A WebSocket asks once, with the headers of the upgrade and the `Authorization` of `connection_init`.
    ///
    /// # Errors
    /// [`AuthError`] when the credentials are wrong, or cannot be checked now.
    fn authenticate<'a>(
        &'a self,
        headers: &'a HeaderMap,
        origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Viewer>, AuthError>>;
}

/// Shared [`Authenticate`].
pub type ViewerSource = Arc<dyn Authenticate>;

/// Why nobody could be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Credentials that are not valid.
    #[error("the request carries no valid credentials")]
    Unauthenticated,
    /// The credentials cannot be checked now.
    #[error("credentials cannot be checked at the moment")]
    Unavailable,
}

impl AuthError {
    /// The code that clients see.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Unavailable => Code::Unavailable,
        }
    }
}

/// Takes every request for the owner of one organization, with or without credentials.
#[derive(Debug, Clone, Copy)]
pub struct OwnerOf(pub OrganizationId);

impl Authenticate for OwnerOf {
    fn authenticate<'a>(
        &'a self,
        _headers: &'a HeaderMap,
        origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Viewer>, AuthError>> {
        let viewer = Viewer { origin: origin.clone(), ..Viewer::owner(self.0) };
        Box::pin(future::ready(Ok(Some(viewer))))
    }
}
