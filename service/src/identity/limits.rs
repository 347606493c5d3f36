//! What is checked alike wherever rights are given: nobody gives more than they hold.

use async_recursion::async_recursion as boxed;
use std::fmt;

use ids::RoleId;

use super::grants::Grant;
use super::{BuiltInRole, folders, grants};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::permission::{Permission, Permissions};
use crate::services::Services;
use crate::viewer::Viewer;

/// Longest name to show, in characters.
const MAX_NAME: usize = 200;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 2_000;

/// A name to show, trimmed.
pub fn name(field: &str, text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 {
        return Err(Mistake::new(Code::Required, field, format!("`{field}` is empty")));
    }
    if length > MAX_NAME || text.chars().any(char::is_control) {
        let message = format!("`{field}` has at most {MAX_NAME} characters, none of them a control character");
        return Err(Mistake::new(Code::Invalid, field, message));
    }
    Ok(text.to_owned())
}

/// A description, trimmed; none when it is empty.
pub fn description(field: &str, text: Option<String>) -> Result<Option<String>, ServiceError> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION || text.contains('\0')) {
        let message = format!("`{field}` has at most {MAX_DESCRIPTION} characters, and no NUL");
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, field, message)));
    }
    Ok(text)
}

/// The mistake of giving permissions that the caller does not hold.
pub fn held(viewer: &Viewer, permissions: Permissions) -> Option<Mistake> {
    let missing = permissions.without(viewer.permissions);
    (!missing.is_empty()).then(|| {
        let names: Vec<&str> = missing.iter().map(Permission::name).collect();
        Mistake::new(Code::Invalid, "permissions", format!("you do not hold {} yourself", names.join(", ")))
            .with_help("Leave them out, or ask somebody who holds them.")
    })
}

/// Refuses when `grant` allows what the caller may not do.
pub fn no_more_than(viewer: &Viewer, grant: &Grant, field: &str, what: &str) -> Result<(), ServiceError> {
    if viewer.permissions.contains_all(grant.permissions)
        && folders::contain(viewer.folders.as_deref(), grant.folders.as_deref())
    {
        return Ok(());
    }
    let mistake = Mistake::new(Code::Invalid, field, what);
    Err(ServiceError::mistake(mistake.with_help("Ask somebody who holds as much, such as an owner.")))
}

/// A role of the organization that the caller may give.
#[boxed]
pub async fn role_to_give(services: &Services, viewer: &Viewer, role: RoleId) -> Result<Grant, ServiceError> {
    let grant = grants::of_role(services, viewer.organization, role).await?;
    if grant.role_name.is_empty() {
        return Err(unknown("roleId", "role", role));
    }
    no_more_than(viewer, &grant, "roleId", "the role allows what you may not do yourself")?;
    Ok(grant)
}

/// Whether a role has no row.
pub fn is_built_in(role: RoleId) -> bool {
    BuiltInRole::by_id(role).is_some()
}

/// There is no such thing, or the caller may not see it: the same answer.
pub fn unknown(field: &str, what: &str, id: impl fmt::Display) -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::NotFound, field, format!("there is no {what} {id}")))
}

/// Somebody deleted it while the caller was at work.
pub fn organization_is_gone() -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::NotFound, "", "the organization does not exist any more"))
}

/// Somebody else changed it meanwhile.
pub fn moved_on(field: &str) -> ServiceError {
    let mistake = Mistake::new(Code::Conflict, field, "somebody else changed it meanwhile");
    ServiceError::mistake(mistake.with_help("Read it again, and repeat the change if it is still wanted."))
}

/// Somebody asked with a key, or without sign-in, for what people do for themselves.
pub fn only_people() -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "", "only people who signed in can do this, not keys");
    ServiceError::mistake(mistake.with_help("Sign in with `sessionCreate`, and repeat it with that access token."))
}
