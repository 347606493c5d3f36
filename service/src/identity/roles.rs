//! Roles: the built-in ones, and those that an organization makes.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;

use ids::RoleId;
use serde_json::{Value, json};
use store::{RoleRow, StoreError};

use super::{BuiltInRole, folders, grants, limits};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::permission::Permissions;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most roles that an organization makes.
const MOST: usize = 200;
/// Longest name of a role, in characters.
const MAX_NAME: usize = 63;

/// A role as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Name in definitions.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: Permissions,
    /// Workflow folders that it is limited to; everywhere when absent.
    pub folders: Option<Vec<String>>,
    /// Neither changed nor deleted.
    pub is_built_in: bool,
    /// Grows with each change.
    pub revision: i32,
}

impl From<BuiltInRole> for Role {
    fn from(role: BuiltInRole) -> Self {
        Self {
            id: role.id(),
            name: role.name().to_owned(),
            description: Some(role.description().to_owned()),
            permissions: role.permissions(),
            folders: None,
            is_built_in: true,
            revision: 1,
        }
    }
}

impl From<RoleRow> for Role {
    fn from(row: RoleRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            permissions: Permissions::from_json(&row.permissions),
            folders: folders::from_json(row.folders.as_deref()).map(|folders| folders.to_vec()),
            is_built_in: false,
            revision: row.revision,
        }
    }
}

/// A role to make.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Name in definitions.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: Permissions,
    /// Workflow folders that it is limited to; everywhere when absent.
    pub folders: Option<Vec<String>>,
}

/// Changes to a role; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct RoleChanges {
    /// Revision that was seen; any when absent.
    pub expected_revision: Option<i32>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// What it allows.
    pub permissions: Option<Permissions>,
    /// Workflow folders that it is limited to; `Some(None)` means everywhere.
    pub folders: Option<Option<Vec<String>>>,
}

/// All roles: the built-in ones in their order, then the organization's by name.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn all(services: &Services, viewer: &Viewer) -> Result<Vec<Role>, ServiceError> {
    viewer.require(Permission::MemberRead)?;
    let own = services.store().roles(viewer.organization).await?;
    Ok(BuiltInRole::ALL.into_iter().map(Role::from).chain(own.into_iter().map(Role::from)).collect())
}

/// Several roles; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[RoleId],
) -> Result<HashMap<RoleId, Role>, ServiceError> {
    viewer.require(Permission::MemberRead)?;
    let mut roles: HashMap<RoleId, Role> = HashMap::new();
    roles.extend(ids.iter().filter_map(|id| BuiltInRole::by_id(*id)).map(|role| (role.id(), role.into())));
    if ids.iter().any(|id| !limits::is_built_in(*id)) {
        // Few and small: reading them all is one query, whichever are wanted.
        let own = services.store().roles(viewer.organization).await?;
        roles.extend(own.into_iter().filter(|row| ids.contains(&row.id)).map(|row| (row.id, row.into())));
    }
    Ok(roles)
}

/// The role that the caller holds; `None` when they hold none, such as a key's owner who is gone.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_viewer(services: &Services, viewer: &Viewer) -> Result<Option<Role>, ServiceError> {
    let Some(user) = viewer.user() else { return Ok(Some(BuiltInRole::Owner.into())) };
    let Some(grant) = grants::of_member(services, viewer.organization, user).await? else { return Ok(None) };
    if let Some(role) = BuiltInRole::by_id(grant.role_id) {
        return Ok(Some(role.into()));
    }
    Ok(services.store().role(viewer.organization, grant.role_id).await?.map(Role::from))
}

/// How many members hold each of `ids`.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn member_counts(
    services: &Services,
    viewer: &Viewer,
    ids: &[RoleId],
) -> Result<HashMap<RoleId, u64>, ServiceError> {
    viewer.require(Permission::MemberRead)?;
    Ok(services.store().count_members_by_role(viewer.organization, ids).await?)
}

/// Makes a role.
///
/// # Errors
/// `Forbidden`; mistakes, among them permissions that the caller does not hold; `ALREADY_EXISTS`; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, new: NewRole) -> Result<Role, ServiceError> {
    viewer.require(Permission::RoleWrite)?;
    let description = limits::description("description", new.description)?;
    let mut mistakes: Vec<Mistake> = check_name(&new.name).into_iter().collect();
    mistakes.extend(limits::held(viewer, new.permissions));
    mistakes.extend(check_folders(viewer, new.folders.as_deref()));
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    if services.store().roles(viewer.organization).await?.len() >= MOST {
        let message = format!("an organization has at most {MOST} roles of its own");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "", message)));
    }
    let now_ms = services.now().0;
    let row = RoleRow {
        id: RoleId::new(),
        organization_id: viewer.organization,
        name: new.name,
        description,
        permissions: new.permissions.to_json(),
        folders: folders::to_json(new.folders.as_deref()),
        revision: 1,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    };
    match services.store().insert_role(row.clone()).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Err(taken(&row.name)),
        Err(error) => return Err(error.into()),
    }
    let role = Role::from(row);
    viewer.origin.trail.note(Change::of("role", role.id, role.name.as_str()).after(described(&role)));
    Ok(role)
}

/// Changes a role.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` for a built-in one; `CONFLICT` when the revision has moved on; mistakes,
/// among them permissions that the caller does not hold; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: RoleId,
    changes: RoleChanges,
) -> Result<Role, ServiceError> {
    viewer.require(Permission::RoleWrite)?;
    let before = own(services, viewer, id).await?;
    if changes.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(limits::moved_on("expectedRevision"));
    }
    let mut after = before.clone();
    if let Some(description) = changes.description {
        after.description = limits::description("description", description)?;
    }
    if let Some(permissions) = changes.permissions {
        after.permissions = permissions.to_json();
    }
    if let Some(folders) = &changes.folders {
        after.folders = folders::to_json(folders.as_deref());
    }
    let shown = Role::from(after.clone());
    let mut mistakes: Vec<Mistake> = limits::held(viewer, counted(services, viewer, &after)).into_iter().collect();
    mistakes.extend(check_folders(viewer, shown.folders.as_deref()));
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let grant = grants::of_role(services, viewer.organization, id).await?;
    limits::no_more_than(viewer, &grant, "id", "the role allows what you may not do yourself")?;
    after.updated_at_ms = services.now().0;
    let row = services.store().update_role(after).await?.ok_or_else(|| limits::moved_on("id"))?;
    services.known().forget();
    let (before, role) = (Role::from(before), Role::from(row));
    let change = Change::of("role", role.id, role.name.as_str());
    viewer.origin.trail.note(change.before(described(&before)).after(described(&role)));
    Ok(role)
}

/// Deletes a role that nobody holds and no open invitation offers.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` for a built-in one; `IN_USE`; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: RoleId) -> Result<(), ServiceError> {
    viewer.require(Permission::RoleWrite)?;
    let role = Role::from(own(services, viewer, id).await?);
    if !services.store().delete_role(viewer.organization, id, services.now().0).await? {
        let message = format!("the role `{}` is held by a member or offered by an invitation", role.name);
        let mistake = Mistake::new(Code::InUse, "id", message);
        return Err(ServiceError::mistake(mistake.with_help("Give those members another role first.")));
    }
    services.known().forget();
    viewer.origin.trail.note(Change::of("role", role.id, role.name.as_str()).before(described(&role)));
    Ok(())
}

async fn own(services: &Services, viewer: &Viewer, id: RoleId) -> Result<RoleRow, ServiceError> {
    if let Some(role) = BuiltInRole::by_id(id) {
        let mistake = Mistake::new(Code::WrongState, "id", format!("`{}` is built in and stays as it is", role.name()));
        return Err(ServiceError::mistake(mistake.with_help("Make a role of your own with `roleCreate`.")));
    }
    services.store().role(viewer.organization, id).await?.ok_or_else(|| limits::unknown("id", "role", id))
}

fn counted(services: &Services, viewer: &Viewer, row: &RoleRow) -> Permissions {
    grants::effective(services, viewer.organization, Permissions::from_json(&row.permissions))
}

fn check_folders(viewer: &Viewer, limits: Option<&[String]>) -> Vec<Mistake> {
    let mut mistakes = folders::check("namespaces", limits);
    if mistakes.is_empty() && !folders::contain(viewer.folders.as_deref(), limits) {
        let message = "the role would reach folders that you do not reach yourself";
        mistakes.push(Mistake::new(Code::Invalid, "namespaces", message));
    }
    mistakes
}

fn check_name(name: &str) -> Option<Mistake> {
    let is_name = name.chars().count() <= MAX_NAME
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !name.ends_with('_');
    if !is_name {
        let message = format!(
            "a name is 1 to {MAX_NAME} lower-case letters, digits and `_`, begins with a letter and does not end with `_`"
        );
        return Some(Mistake::new(Code::Invalid, "name", message).with_help("For example `sales_manager`."));
    }
    BuiltInRole::by_name(name).map(|_role| {
        Mistake::new(Code::AlreadyExists, "name", format!("`{name}` is a built-in role"))
            .with_help("Choose another name.")
    })
}

fn taken(name: &str) -> ServiceError {
    let mistake = Mistake::new(Code::AlreadyExists, "name", format!("there is a role `{name}` already"));
    ServiceError::mistake(mistake.with_help("Choose another name, or change that role with `roleUpdate`."))
}

fn described(role: &Role) -> Value {
    json!({
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions.iter().map(Permission::name).collect::<Vec<_>>(),
        "namespaces": role.folders,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_like_a_word_in_a_definition() {
        for name in ["sales_manager", "a", "team2"] {
            assert_eq!(check_name(name), None, "{name}");
        }
        for name in ["", "Sales", "sales-manager", "2nd", "_x", "x_", "owner", "agent", "ümlaut", &"a".repeat(64)] {
            assert!(check_name(name).is_some(), "{name}");
        }
    }
}
