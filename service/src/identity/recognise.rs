//! Who sends a request: from an access token or an API key to a viewer.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ServiceError;
use crate::identity::{api_keys, grants, sessions, tokens};
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Credential, Origin, Viewer};

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// Who, where, and what they may do at this moment.
    pub viewer: Viewer,
    /// After this the credential has to be looked at again, whatever else happens; absent when it has no end
    /// that is known here.
    pub valid_for: Option<Duration>,
}

/// Recognises the sender of `bearer`, an access token or an API key.
///
/// Permissions are those of this moment, give or take the seconds for which sessions and grants are kept
/// in memory: a role that was lowered, a member who was removed, a session that was ended count at the next
/// request. Whatever cannot be followed to a member of an organization that exists is refused.
///
/// # Errors
/// `Unauthenticated`, or what is known cannot be read now.
#[boxed]
pub async fn recognise(services: &Services, bearer: &str, origin: &Origin) -> Result<Recognised, ServiceError> {
    if bearer.starts_with(api_keys::PREFIX) {
        let viewer = api_keys::recognise(services, bearer, origin).await?.ok_or(ServiceError::Unauthenticated)?;
        return Ok(Recognised { viewer, valid_for: None });
    }
    let token = tokens::verify(services, bearer).map_err(|_forged_or_old| ServiceError::Unauthenticated)?;
    if !sessions::is_live(services, token.session).await? {
        return Err(ServiceError::Unauthenticated);
    }
    let grant = grants::of_member(services, token.organization, token.user).await?;
    let grant = grant.ok_or(ServiceError::Unauthenticated)?;
    let id = token.user.to_string();
    let viewer = Viewer {
        organization: token.organization,
        actor: Actor { display_name: id.clone(), id, kind: ActorKind::User },
        permissions: grant.permissions,
        roles: Arc::from(vec![grant.role_name]),
        folders: grant.folders,
        credential: Credential::Session { user: token.user, session: token.session },
        origin: origin.clone(),
    };
    let left = token.expires_at.0.saturating_sub(services.now().0);
    Ok(Recognised { viewer, valid_for: Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))) })
}
