//! From a key to whoever asks with it.

use async_recursion::async_recursion as boxed;
use std::net::IpAddr;
use std::sync::Arc;

use ids::{ApiKeyId, OrganizationId};
use store::ApiKeyRow;

use super::{PREFIX, network};
use crate::error::{ServiceError, chain};
use crate::identity::grants::{self, Grant};
use crate::identity::{folders, secrets};
use crate::permission::Permissions;
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Credential, Origin, Viewer};

/// Who asks with this key: what the key allows and whoever it acts for may do at this moment. `None` for what is no
/// key, is void, has expired, comes from an address that is not allowed, or acts for somebody who is gone.
///
/// A key that was made void in another process may work for ten seconds more.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn recognise(services: &Services, token: &str, origin: &Origin) -> Result<Option<Viewer>, ServiceError> {
    if !secrets::is_well_formed(PREFIX, token) {
        return Ok(None);
    }
    let digest = secrets::digest(token);
    let read = async { Ok::<_, ServiceError>(services.store().api_key_by_token(&digest).await?.map(Arc::new)) };
    let Some(key) = services.known().keys.get(digest.clone(), read).await? else { return Ok(None) };
    if is_void(&key, services) || !may_come_from(key.allowed_addresses.as_deref(), origin.address) {
        return Ok(None);
    }
    let Some(grant) = grants::of_member(services, key.organization_id, key.on_behalf_of).await? else {
        return Ok(None);
    };
    record_use(services, key.id, &key, origin).await;
    Ok(Some(viewer(&key, &grant, origin)))
}

/// What a key that work in the background was asked for with allows at this moment, out of the database. `None` when
/// it is void or has expired, or acts for somebody who is gone.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn standing(
    services: &Services,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<Option<Viewer>, ServiceError> {
    let key = services.store().api_key(organization, id).await?;
    let Some(key) = key.filter(|key| !is_void(key, services)) else { return Ok(None) };
    let grant = grants::current(services, organization, key.on_behalf_of).await?;
    Ok(grant.map(|grant| viewer(&key, &grant, &Origin::default())))
}

fn is_void(key: &ApiKeyRow, services: &Services) -> bool {
    key.revoked_at_ms.is_some() || key.expires_at_ms.is_some_and(|until| until <= services.now().0)
}

/// Whoever acts with `key`, for somebody who has `grant`.
fn viewer(key: &ApiKeyRow, grant: &Grant, origin: &Origin) -> Viewer {
    let limits = folders::from_json(key.folders.as_deref());
    Viewer {
        organization: key.organization_id,
        actor: Actor {
            id: key.id.to_string(),
            display_name: key.display_name.clone(),
            kind: if key.is_agent { ActorKind::Agent } else { ActorKind::ApiKey },
        },
        permissions: Permissions::from_json(&key.permissions).intersection(grant.permissions),
        roles: Arc::from(vec![grant.role_name.clone()]),
        folders: folders::intersection(limits.as_ref(), grant.folders.as_ref()),
        credential: Credential::ApiKey { key: key.id, on_behalf_of: key.on_behalf_of },
        origin: origin.clone(),
    }
}

/// Whether a request may come from `address`; from an unknown one only when nothing is said.
fn may_come_from(allowed: Option<&str>, address: Option<IpAddr>) -> bool {
    // A list that cannot be read allows nothing.
    let Some(allowed) = allowed else { return true };
    let (Ok(allowed), Some(address)) = (serde_json::from_str::<Vec<String>>(allowed), address) else { return false };
    let address = address.to_canonical();
    allowed.iter().filter_map(|text| network(text)).any(|network| network.contains(&address))
}

/// Records the use at most once a minute; the request does not wait for it.
async fn record_use(services: &Services, id: ApiKeyId, key: &ApiKeyRow, origin: &Origin) {
    if !services.known().is_first_use(id).await {
        return;
    }
    let (store, organization, now_ms) = (services.store().clone(), key.organization_id, services.now().0);
    let from = origin.address.map(|address| address.to_string());
    tokio::spawn(async move {
        if let Err(error) = store.touch_api_key(organization, id, from, now_ms).await {
            tracing::debug!(key = %id, error = %chain(&error), "the last use of a key was not recorded");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_with_addresses_and_networks() {
        let allowed = Some(r#"["192.0.2.7","2001:db8::/32"]"#);
        let at = |text: &str| Some(text.parse().unwrap());
        assert!(may_come_from(allowed, at("192.0.2.7")) && may_come_from(allowed, at("::ffff:192.0.2.7")));
        assert!(may_come_from(allowed, at("2001:db8::1")) && may_come_from(None, None));
        assert!(!may_come_from(allowed, at("192.0.2.8")) && !may_come_from(allowed, None));
        assert!(!may_come_from(Some("broken"), at("192.0.2.7")));
    }
}
