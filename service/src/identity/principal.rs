//! Whose rights work in the background has: looked up whenever it goes on, so that whoever lost them stops it.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use ids::{ApiKeyId, OrganizationId, UserId};
use serde::{Deserialize, Serialize};

use super::{api_keys, grants};
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Credential, Origin, Viewer};

/// Somebody who may ask for work in the background, as it is stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Principal {
    /// A person or service account.
    Person {
        /// Who.
        user: UserId,
    },
    /// A key.
    Key {
        /// Which.
        key: ApiKeyId,
    },
    /// Anybody: an installation without sign-in.
    Anybody,
    /// The engine itself.
    Engine,
}

impl Principal {
    /// Whoever asks.
    #[must_use]
    pub const fn of(viewer: &Viewer) -> Self {
        match viewer.credential {
            // That the session ends does not end what was asked for in it.
            Credential::Session { user, .. } | Credential::Link { user } => Self::Person { user },
            Credential::ApiKey { key, .. } => Self::Key { key },
            Credential::Unguarded => Self::Anybody,
            Credential::System => Self::Engine,
        }
    }
}

/// What `principal` may do in `organization` at this moment, out of the database. `None` when they are no member any
/// more, their account is switched off, or their key is void or has expired.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn standing(
    services: &Services,
    organization: OrganizationId,
    principal: Principal,
) -> Result<Option<Viewer>, ServiceError> {
    match principal {
        Principal::Anybody => Ok(Some(Viewer::owner(organization))),
        Principal::Engine => Ok(Some(Viewer::system(organization))),
        Principal::Key { key } => api_keys::standing(services, organization, key).await,
        Principal::Person { user } => {
            let Some(grant) = grants::current(services, organization, user).await? else { return Ok(None) };
            let id = user.to_string();
            Ok(Some(Viewer {
                organization,
                actor: Actor { display_name: id.clone(), id, kind: ActorKind::User },
                permissions: grant.permissions,
                roles: Arc::from(vec![grant.role_name.clone()]),
                folders: grant.folders.clone(),
                // The engine does what they asked for: there is no session, and nothing that needs one is possible.
                credential: Credential::System,
                origin: Origin::default(),
            }))
        }
    }
}
