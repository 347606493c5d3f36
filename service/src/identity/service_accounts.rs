//! Service accounts: programs with a membership and a role of their own, which act through keys.

use async_recursion::async_recursion as boxed;
use ids::{MembershipId, RoleId, UserId};
use serde_json::json;
use store::{MembershipRow, UserRow};

use super::{grants, limits, members};
use crate::audit::Change;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// A service account and its membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The account.
    pub user: UserRow,
    /// Its membership.
    pub membership: MembershipRow,
}

/// Makes a service account.
///
/// # Errors
/// `Forbidden`; mistakes, among them a role that allows more than the caller may; the database away.
#[boxed]
pub async fn create(
    services: &Services,
    viewer: &Viewer,
    display_name: &str,
    role: RoleId,
) -> Result<ServiceAccount, ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    viewer.require(Permission::ApiKeyWrite)?;
    let display_name = limits::name("displayName", display_name).map_err(ServiceError::mistake)?;
    let grant = limits::role_to_give(services, viewer, role).await?;
    let membership = MembershipRow {
        id: MembershipId::new(),
        organization_id: viewer.organization,
        user_id: UserId::new(),
        role_id: role,
        invited_by: Some(viewer.actor.id.clone()),
        joined_at_ms: services.now().0,
    };
    let is_built_in = limits::is_built_in(role);
    if !services.store().insert_service_account(membership.clone(), display_name.clone(), is_built_in).await? {
        return Err(limits::unknown("roleId", "role", role));
    }
    let change = Change::of("service_account", membership.user_id, display_name.as_str());
    viewer.origin.trail.note(change.after(json!({ "displayName": display_name, "role": grant.role_name })));
    read(services, viewer, membership.user_id).await
}

/// Changes name or role of a service account; what is absent stays.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; as changing the role of a member; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: UserId,
    display_name: Option<String>,
    role: Option<RoleId>,
) -> Result<ServiceAccount, ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    viewer.require(Permission::ApiKeyWrite)?;
    let before = read(services, viewer, id).await?;
    if let Some(role) = role.filter(|role| *role != before.membership.role_id) {
        members::update(services, viewer, before.membership.id, role).await?;
    }
    if let Some(display_name) = display_name {
        let display_name = limits::name("displayName", &display_name).map_err(ServiceError::mistake)?;
        if !services.store().rename_service_account(viewer.organization, id, display_name.clone()).await? {
            return Err(limits::unknown("id", "service account", id));
        }
        let change = Change::of("service_account", id, display_name.as_str());
        let was = json!({ "displayName": before.user.display_name });
        viewer.origin.trail.note(change.before(was).after(json!({ "displayName": display_name })));
    }
    read(services, viewer, id).await
}

/// Deletes a service account; its keys become void.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID` when it may do what the caller may not; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: UserId) -> Result<(), ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    viewer.require(Permission::ApiKeyWrite)?;
    let account = read(services, viewer, id).await?;
    if let Some(grant) = grants::current(services, viewer.organization, id).await? {
        limits::no_more_than(viewer, &grant, "id", "the service account may do what you may not")?;
    }
    if !services.store().delete_service_account(viewer.organization, id, services.now().0).await? {
        return Err(limits::unknown("id", "service account", id));
    }
    services.known().forget();
    let change = Change::of("service_account", id, account.user.display_name.as_str());
    viewer.origin.trail.note(change.before(json!({ "displayName": account.user.display_name })));
    Ok(())
}

async fn read(services: &Services, viewer: &Viewer, id: UserId) -> Result<ServiceAccount, ServiceError> {
    let unknown = || limits::unknown("id", "service account", id);
    let membership = services.store().membership_of(viewer.organization, id).await?.ok_or_else(unknown)?;
    let user = services.store().user(id).await?.filter(|user| user.is_service).ok_or_else(unknown)?;
    Ok(ServiceAccount { user, membership })
}
