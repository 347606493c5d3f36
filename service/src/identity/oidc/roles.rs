//! The roles that an identity provider gives.

use ids::{OrganizationId, RoleId};
use serde_json::{Map, Value};
use store::IdentityProviderRow;

use super::mapping::RoleMapping;
use crate::error::ServiceError;
use crate::identity::BuiltInRole;
use crate::identity::grants::{self, Grant};
use crate::services::Services;

/// Owners are made by owners, never by a directory, and stay until an owner says otherwise: so that no
/// mistake in a directory leaves an organization to somebody else, or to nobody.
pub(super) const OWNER: BuiltInRole = BuiltInRole::Owner;

/// What the role of this name allows in an organization.
pub(super) async fn by_name(
    services: &Services,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Grant>, ServiceError> {
    let id = if let Some(role) = BuiltInRole::by_name(name) {
        Some(role.id())
    } else {
        let roles = services.store().roles(organization).await?;
        roles.into_iter().find(|role| role.name == name).map(|role| role.id)
    };
    Ok(match id {
        Some(id) => Some(grants::of_role(services, organization, id).await?),
        None => None,
    })
}

/// The role that these claims give. A role that is gone gives none.
pub(super) async fn given(
    services: &Services,
    provider: &IdentityProviderRow,
    claims: &Map<String, Value>,
) -> Result<Option<RoleId>, ServiceError> {
    let mapping: RoleMapping = serde_json::from_str(&provider.role_mapping).unwrap_or_default();
    let Some(name) = mapping.role_for(claims).filter(|name| *name != OWNER.name()) else { return Ok(None) };
    let role = by_name(services, provider.organization_id, name).await?;
    if role.is_none() {
        tracing::warn!(provider.id = %provider.id, role = name, "identity provider `{}` gives a role that does not exist", provider.name);
    }
    Ok(role.map(|role| role.role_id))
}
