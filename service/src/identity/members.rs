//! Members of an organization: reading them, changing their role, removing them, leaving.

use async_recursion::async_recursion as boxed;
use ids::MembershipId;
use ids::RoleId;
use serde_json::json;
use store::{MemberFilter, MemberOutcome, MembershipRow, Page, PageRequest};

use super::{BuiltInRole, grants, limits};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// A page of the members that fit, oldest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &MemberFilter,
    request: &PageRequest,
) -> Result<Page<MembershipRow>, ServiceError> {
    viewer.require(Permission::MemberRead)?;
    Ok(services.store().members(viewer.organization, filter, request).await?)
}

/// How many members fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &MemberFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::MemberRead)?;
    Ok(services.store().count_members(viewer.organization, filter).await?)
}

/// Gives a member another role.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID` when the member or the role may do what the caller may not; `WRONG_STATE` when
/// nobody else is owner; `CONFLICT` when somebody changed the role at the same time; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: MembershipId,
    role: RoleId,
) -> Result<MembershipRow, ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    let seen = known(services, viewer, id).await?;
    let before = subordinate(services, viewer, &seen).await?;
    let after = limits::role_to_give(services, viewer, role).await?;
    let owner = BuiltInRole::Owner.id();
    let is_built_in = limits::is_built_in(role);
    let store = services.store();
    let outcome = store.change_role_of_member(viewer.organization, &seen, role, is_built_in, owner).await?;
    let row = settled(outcome, role)?;
    services.known().forget();
    let change = Change::of("membership", row.id, row.user_id.to_string());
    viewer.origin.trail.note(change.before(json!({ "role": before })).after(json!({ "role": after.role_name })));
    Ok(row)
}

/// Removes a member; oneself, to leave, without any permission.
///
/// # Errors
/// `Forbidden` for the membership of others; `NOT_FOUND`; `INVALID` when the member may do what the caller may not;
/// `WRONG_STATE` when nobody else is owner; `CONFLICT` when somebody changed the role at the same time; the database
/// away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: MembershipId) -> Result<(), ServiceError> {
    let is_session = matches!(viewer.credential, crate::viewer::Credential::Session { .. });
    let seen = services.store().membership(viewer.organization, id).await?;
    let leaves = is_session && seen.as_ref().is_some_and(|seen| viewer.user() == Some(seen.user_id));
    if !leaves {
        viewer.require(Permission::MemberWrite)?;
    }
    let seen = seen.ok_or_else(|| limits::unknown("id", "member", id))?;
    let account = services.store().users_by_ids(&[seen.user_id]).await?;
    if account.first().is_some_and(|account| account.is_service) {
        let mistake = Mistake::new(Code::WrongState, "id", "this is a service account, which is no member by itself");
        return Err(ServiceError::mistake(mistake.with_help("Delete it with `serviceAccountDelete`.")));
    }
    let before = if leaves { String::new() } else { subordinate(services, viewer, &seen).await? };
    let owner = BuiltInRole::Owner.id();
    let outcome = services.store().remove_member(viewer.organization, &seen, owner, services.now().0).await?;
    let row = settled(outcome, seen.role_id)?;
    services.known().forget();
    let change = Change::of("membership", row.id, row.user_id.to_string());
    viewer.origin.trail.note(change.before(json!({ "role": before })));
    Ok(())
}

async fn known(services: &Services, viewer: &Viewer, id: MembershipId) -> Result<MembershipRow, ServiceError> {
    let row = services.store().membership(viewer.organization, id).await?;
    row.ok_or_else(|| limits::unknown("id", "member", id))
}

/// The name of a member's role, which allows nothing that the caller may not do.
async fn subordinate(services: &Services, viewer: &Viewer, member: &MembershipRow) -> Result<String, ServiceError> {
    let mut grant = grants::of_role(services, viewer.organization, member.role_id).await?;
    // A role that is gone reaches nothing, whatever its folders were.
    if grant.permissions.is_empty() {
        grant.folders.clone_from(&viewer.folders);
    }
    limits::no_more_than(viewer, &grant, "id", "this member may do what you may not")?;
    Ok(grant.role_name)
}

fn settled(outcome: MemberOutcome, role: RoleId) -> Result<MembershipRow, ServiceError> {
    match outcome {
        MemberOutcome::Done(row) => Ok(row),
        MemberOutcome::MovedOn => Err(limits::moved_on("id")),
        MemberOutcome::NoSuchRole => Err(limits::unknown("roleId", "role", role)),
        MemberOutcome::LastOwner => {
            let mistake =
                Mistake::new(Code::WrongState, "id", "an organization needs an owner, and this is the last one");
            Err(ServiceError::mistake(mistake.with_help("Make somebody else owner first.")))
        }
    }
}
