//! Who sends a request.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use futures::future::{self, BoxFuture};
use ids::OrganizationId;
use service::identity::{self, Recognised};
use service::{Code, Origin, ServiceError, Services, Viewer, chain};

use crate::credentials::{self, CookieStyle, Presented};

/// Turns the credentials of a request into a viewer.
pub trait Authenticate: Send + Sync {
    /// Who sent these headers; `None` when they carry no credentials.
    ///
    /// A WebSocket asks with the headers of the upgrade and the `Authorization` of `connection_init`. Whatever
    /// lives longer than one answer asks again and again, with the same credentials.
    ///
    /// # Errors
    /// [`AuthError`] when the credentials are wrong, or cannot be checked now.
    fn authenticate<'a>(
        &'a self,
        headers: &'a HeaderMap,
        origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>>;
}

/// Shared [`Authenticate`].
pub type ViewerSource = Arc<dyn Authenticate>;

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who.
    pub viewer: Viewer,
    /// How long their credentials are good; absent when no end is known.
    pub valid_for: Option<Duration>,
}

impl From<Viewer> for Admitted {
    fn from(viewer: Viewer) -> Self {
        Self { viewer, valid_for: None }
    }
}

impl From<Recognised> for Admitted {
    fn from(Recognised { viewer, valid_for }: Recognised) -> Self {
        Self { viewer, valid_for }
    }
}

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

/// Recognises access tokens and API keys.
#[derive(Debug, Clone)]
pub struct Guarded {
    services: Services,
    cookies: CookieStyle,
    /// Whose owner a request without credentials acts as.
    open: Option<OrganizationId>,
}

impl Guarded {
    /// Requests without credentials come from nobody.
    #[must_use]
    pub fn new(services: Services) -> Self {
        let cookies = CookieStyle::of_url(&services.settings().public_url);
        Self { services, cookies, open: None }
    }

    /// Requests without credentials come from the owner of an organization; wrong ones are refused all the same.
    #[must_use]
    pub fn open_to(services: Services, organization: OrganizationId) -> Self {
        Self { open: Some(organization), ..Self::new(services) }
    }

    async fn recognise(&self, headers: &HeaderMap, origin: &Origin) -> Result<Option<Admitted>, AuthError> {
        let (token, is_cookie) = match credentials::presented(headers, self.cookies) {
            Presented::Nothing => {
                let owner = |organization| Viewer { origin: origin.clone(), ..Viewer::owner(organization) };
                return Ok(self.open.map(owner).map(Admitted::from));
            }
            Presented::Unreadable => return Err(AuthError::Unauthenticated),
            Presented::Bearer(token) => (token, false),
            Presented::Cookie(token) => (token, true),
        };
        match identity::recognise(&self.services, token, origin).await {
            Ok(recognised) => Ok(Some(recognised.into())),
            // A browser sends an old cookie by itself, also when it comes to get a new one or to sign in.
            Err(ServiceError::Unauthenticated | ServiceError::Forbidden(_)) if is_cookie => Ok(None),
            Err(ServiceError::Unauthenticated | ServiceError::Forbidden(_) | ServiceError::Mistakes(_)) => {
                Err(AuthError::Unauthenticated)
            }
            Err(
                error @ (ServiceError::Unavailable(_)
                | ServiceError::Overloaded
                | ServiceError::RateLimited { .. }
                | ServiceError::Internal { .. }),
            ) => {
                tracing::warn!(error = %chain(&error), "credentials could not be checked");
                Err(AuthError::Unavailable)
            }
        }
    }
}

impl Authenticate for Guarded {
    fn authenticate<'a>(
        &'a self,
        headers: &'a HeaderMap,
        origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
        Box::pin(self.recognise(headers, origin))
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
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
        let viewer = Viewer { origin: origin.clone(), ..Viewer::owner(self.0) };
        Box::pin(future::ready(Ok(Some(viewer.into()))))
    }
}
