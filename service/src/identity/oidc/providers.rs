//! The identity providers of an organization: who sets them up, and whom they offer.

use async_recursion::async_recursion as boxed;
use ids::{IdentityProviderId, OrganizationId};
use serde_json::{Value, json};
use store::IdentityProviderRow;

use super::mapping::{MAX_RULES, RoleMapping};
use super::metadata::is_safe;
use super::roles;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::limits;
use crate::sealed::{self, Place, SealError, Secret};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest text of a provider, in characters.
const MAX_TEXT: usize = 500;
/// Longest client secret, in bytes.
const MAX_SECRET: usize = 4_096;
/// Providers of one organization.
const MAX_PROVIDERS: usize = 20;

/// What a provider is set to.
#[derive(Debug, Clone)]
pub struct ProviderInput {
    /// Which; a new one when absent.
    pub id: Option<IdentityProviderId>,
    /// Name on the button.
    pub name: String,
    /// Issuer.
    pub issuer: String,
    /// Client id.
    pub client_id: String,
    /// Client secret; stays when absent. An empty one takes it away.
    pub client_secret: Option<Secret>,
    /// Claims to roles.
    pub role_mapping: Value,
    /// Whether it is offered.
    pub is_enabled: bool,
}

/// Sets up a provider, or changes one.
///
/// # Errors
/// Mistakes; the viewer lacks `ORGANIZATION_WRITE`; the database is away.
#[boxed]
pub async fn set(
    services: &Services,
    viewer: &Viewer,
    input: ProviderInput,
) -> Result<IdentityProviderRow, ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    let (store, organization) = (services.store(), viewer.organization);
    let old = match input.id {
        Some(id) => Some(store.identity_provider(organization, id).await?.ok_or_else(unknown)?),
        None => None,
    };
    let mapping = check(services, viewer, &input, old.as_ref()).await?;
    let id = old.as_ref().map_or_else(IdentityProviderId::new, |old| old.id);
    let now_ms = services.now().0;
    let client_secret = match input.client_secret {
        Some(secret) if secret.reveal().is_empty() => None,
        Some(secret) => Some(sealed_secret(services, organization, id, &secret)?),
        None => old.as_ref().and_then(|old| old.client_secret.clone()),
    };
    let row = IdentityProviderRow {
        id,
        organization_id: organization,
        name: input.name.trim().to_owned(),
        issuer: input.issuer,
        client_id: input.client_id,
        client_secret,
        role_mapping: serde_json::to_string(&mapping).map_err(|error| ServiceError::Internal {
            what: "a role mapping cannot be written",
            source: Box::new(error),
        })?,
        is_enabled: input.is_enabled,
        created_at_ms: old.as_ref().map_or(now_ms, |old| old.created_at_ms),
        updated_at_ms: now_ms,
    };
    if old.is_none() && store.identity_providers(organization).await?.len() >= MAX_PROVIDERS {
        let mistake = Mistake::new(Code::TooLarge, "", format!("there are {MAX_PROVIDERS} identity providers"));
        return Err(ServiceError::mistake(mistake.with_help("remove one that is not used")));
    }
    store.put_identity_provider(row.clone()).await?;
    let before = old.as_ref().map_or(Value::Null, shown);
    viewer.origin.trail.note(Change::of("identity_provider", id, &*row.name).before(before).after(shown(&row)));
    Ok(row)
}

/// Removes a provider, and who was known by it. Their accounts stay.
///
/// # Errors
/// A mistake when there is none; the viewer lacks `ORGANIZATION_WRITE`; the database is away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: IdentityProviderId) -> Result<(), ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    let (store, organization) = (services.store(), viewer.organization);
    let old = store.identity_provider(organization, id).await?.ok_or_else(unknown)?;
    if !store.delete_identity_provider(organization, id).await? {
        return Err(unknown());
    }
    viewer.origin.trail.note(Change::of("identity_provider", id, &*old.name).before(shown(&old)));
    Ok(())
}

/// The providers of the viewer's organization, oldest first.
///
/// # Errors
/// When the viewer lacks `ORGANIZATION_WRITE`, or the database is away.
#[boxed]
pub async fn list(services: &Services, viewer: &Viewer) -> Result<Vec<IdentityProviderRow>, ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    Ok(services.store().identity_providers(viewer.organization).await?)
}

/// What the sign-in page of the installation offers: the enabled providers of its default organization. Those of
/// other organizations are known to their members.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn offered(services: &Services) -> Result<Vec<IdentityProviderRow>, ServiceError> {
    let mut all = services.store().identity_providers(services.default_organization()).await?;
    all.retain(|provider| provider.is_enabled);
    Ok(all)
}

/// The client secret in clear text; public clients have none.
pub(super) fn client_secret(services: &Services, row: &IdentityProviderRow) -> Result<Option<Secret>, SealError> {
    let Some(sealed) = &row.client_secret else { return Ok(None) };
    let id = row.id.to_string();
    sealed::open(&services.settings().secret_key, place(row.organization_id, &id), sealed).map(Some)
}

fn sealed_secret(
    services: &Services,
    organization: OrganizationId,
    id: IdentityProviderId,
    secret: &Secret,
) -> Result<String, ServiceError> {
    let id = id.to_string();
    sealed::seal(&services.settings().secret_key, place(organization, &id), secret)
        .map_err(|error| ServiceError::Internal { what: "a client secret cannot be sealed", source: Box::new(error) })
}

fn place(organization: OrganizationId, id: &str) -> Place<'_> {
    Place { organization, kind: "identity_provider.client_secret", id }
}

/// As it is recorded: without the secret, but whether there is one.
fn shown(row: &IdentityProviderRow) -> Value {
    json!({
        "name": row.name,
        "issuer": row.issuer,
        "clientId": row.client_id,
        "hasClientSecret": row.client_secret.is_some(),
        "roleMapping": serde_json::from_str::<Value>(&row.role_mapping).unwrap_or_default(),
        "isEnabled": row.is_enabled,
    })
}

fn unknown() -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::NotFound, "id", "there is no such identity provider"))
}

/// All mistakes of an input at once; the mapping when there are none.
async fn check(
    services: &Services,
    viewer: &Viewer,
    input: &ProviderInput,
    old: Option<&IdentityProviderRow>,
) -> Result<RoleMapping, ServiceError> {
    let mut mistakes = Vec::new();
    for (field, text) in [("name", &input.name), ("issuer", &input.issuer), ("clientId", &input.client_id)] {
        if text.trim().is_empty() {
            mistakes.push(Mistake::new(Code::Required, field, format!("`{field}` is empty")));
        } else if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            let what = format!("`{field}` has over {MAX_TEXT} characters, or one that cannot be shown");
            mistakes.push(Mistake::new(Code::Invalid, field, what));
        }
    }
    if !input.issuer.trim().is_empty() && !is_safe(&input.issuer) {
        let mistake = Mistake::new(Code::Invalid, "issuer", "the issuer is no https address");
        mistakes.push(mistake.with_help("write it as the provider's discovery document does, with https://"));
    }
    // A subject of one issuer is somebody else at another one.
    if old.is_some_and(|old| old.issuer != input.issuer) {
        let mistake = Mistake::new(Code::WrongState, "issuer", "the issuer of a provider cannot change");
        mistakes.push(mistake.with_help("set up another provider, and remove this one when nobody needs it"));
    }
    if input.client_secret.as_ref().is_some_and(|secret| secret.reveal().len() > MAX_SECRET) {
        let what = format!("the client secret is over {MAX_SECRET} bytes");
        mistakes.push(Mistake::new(Code::TooLarge, "clientSecret", what));
    }
    let mapping = match RoleMapping::read(input.role_mapping.clone()) {
        Ok(mapping) => mapping,
        Err(problem) => {
            let mistake = Mistake::new(Code::Invalid, "roleMapping", format!("the mapping cannot be read: {problem}"));
            mistakes.push(mistake.with_help(MAPPING));
            RoleMapping::default()
        }
    };
    check_roles(services, viewer, &mapping, &mut mistakes).await?;
    if mistakes.is_empty() { Ok(mapping) } else { Err(ServiceError::Mistakes(mistakes)) }
}

const MAPPING: &str = r#"such as {"rules": [{"claim": "groups", "value": "platform", "role": "admin"}]}"#;

/// A mapping gives roles that exist, and nothing that the viewer does not have.
async fn check_roles(
    services: &Services,
    viewer: &Viewer,
    mapping: &RoleMapping,
    mistakes: &mut Vec<Mistake>,
) -> Result<(), ServiceError> {
    if mapping.rules.len() > MAX_RULES {
        let what = format!("the mapping has over {MAX_RULES} rules");
        mistakes.push(Mistake::new(Code::TooLarge, "roleMapping", what));
        return Ok(());
    }
    if mapping.rules.iter().any(|rule| rule.value.is_object() || rule.value.is_array() || rule.value.is_null()) {
        let mistake = Mistake::new(Code::Invalid, "roleMapping", "a rule compares with a list, an object or null");
        mistakes.push(mistake.with_help("compare with one value; a list that contains it fits"));
    }
    for name in mapping.roles() {
        if name == roles::OWNER.name() {
            let what = "owners are made by owners, not by an identity provider";
            mistakes.push(Mistake::new(Code::Invalid, "roleMapping", what));
            continue;
        }
        let Some(role) = roles::by_name(services, viewer.organization, name).await? else {
            mistakes.push(Mistake::new(Code::Invalid, "roleMapping", format!("there is no role `{name}`")));
            continue;
        };
        let what = format!("the role `{name}` allows what you may not do yourself");
        match limits::no_more_than(viewer, &role, "roleMapping", &what) {
            Ok(()) => {}
            Err(ServiceError::Mistakes(more)) => mistakes.extend(more),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
