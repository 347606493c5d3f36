//! Names of whoever did something, for the ids that are stored with what they did.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;

use ids::{ApiKeyId, UserId};
use store::UserRow;

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Viewer};

/// The actors behind stored ids, in two queries at most. Unknown ones have their id as name.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn actors(
    services: &Services,
    viewer: &Viewer,
    ids: &[String],
) -> Result<HashMap<String, Actor>, ServiceError> {
    let users: Vec<UserId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let keys: Vec<ApiKeyId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mut known: HashMap<String, Actor> = ids.iter().map(|id| (id.clone(), Actor::from_id(id))).collect();
    for user in services.store().users_by_ids(&users).await? {
        let kind = if user.is_service { ActorKind::ServiceAccount } else { ActorKind::User };
        let id = user.id.to_string();
        known.insert(id.clone(), Actor { id, display_name: user.display_name, kind });
    }
    for key in services.store().api_keys_by_ids(viewer.organization, &keys).await? {
        let kind = if key.is_agent { ActorKind::Agent } else { ActorKind::ApiKey };
        let id = key.id.to_string();
        known.insert(id.clone(), Actor { id, display_name: key.display_name, kind });
    }
    Ok(known)
}

/// The accounts behind members of the viewer's organization; unknown ones are left out.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn users(services: &Services, ids: &[UserId]) -> Result<Vec<UserRow>, ServiceError> {
    Ok(services.store().users_by_ids(ids).await?)
}
