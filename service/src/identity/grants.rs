//! What somebody may do in an organization at this moment.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use ids::{OrganizationId, RoleId, UserId};

use super::{BuiltInRole, folders};
use crate::error::ServiceError;
use crate::permission::{Permission, Permissions};
use crate::services::Services;

/// What somebody may do in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role they hold.
    pub role_id: RoleId,
    /// Its name, as approvals name it; empty when the role is gone.
    pub role_name: String,
    /// What it allows there.
    pub permissions: Permissions,
    /// Workflow folders that it is limited to; everywhere when absent.
    pub folders: Option<Arc<[String]>>,
}

/// What `user` may do in `organization`: nothing when they are no member, their account is switched off, or the
/// organization was deleted. Another process may answer as it was up to ten seconds ago.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_member(
    services: &Services,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Grant>, ServiceError> {
    let known = &services.known().grants;
    let grant = known.get((organization, user), async { current(services, organization, user).await }).await?;
    Ok(grant.as_deref().cloned())
}

/// As [`of_member`], out of the database.
pub(super) async fn current(
    services: &Services,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Arc<Grant>>, ServiceError> {
    let Some(role) = services.store().role_in_force(organization, user).await? else { return Ok(None) };
    Ok(Some(Arc::new(of_role(services, organization, role).await?)))
}

/// What a role allows. One that is gone allows nothing.
pub(super) async fn of_role(
    services: &Services,
    organization: OrganizationId,
    role_id: RoleId,
) -> Result<Grant, ServiceError> {
    let (role_name, permissions, limits) = match BuiltInRole::by_id(role_id) {
        Some(role) => (role.name().to_owned(), role.permissions(), None),
        None => match services.store().role(organization, role_id).await? {
            Some(row) => {
                let limits = folders::from_json(row.folders.as_deref());
                (row.name, Permissions::from_json(&row.permissions), limits)
            }
            None => (String::new(), Permissions::NONE, Some(Arc::from(Vec::new()))),
        },
    };
    Ok(Grant { role_id, role_name, permissions: effective(services, organization, permissions), folders: limits })
}

/// What of `permissions` counts in `organization`: the fleet is the installation's, so that it is seen and run from
/// the default organization alone.
#[must_use]
pub fn effective(services: &Services, organization: OrganizationId, permissions: Permissions) -> Permissions {
    if organization == services.default_organization() {
        return permissions;
    }
    permissions.without([Permission::OperationsRead, Permission::OperationsWrite].into_iter().collect())
}
