//! Keys of programs: made, renewed, made void, and recognised.
//!
//! A key never allows more than whoever it acts for may do at that moment: its maker, or its service account.

mod recognise;

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use engine::Timestamp;
use ids::{ApiKeyId, UserId};
use ipnet::IpNet;
use serde_json::{Value, json};
use store::{ApiKeyRow, Page, PageRequest};

use super::{folders, grants, limits, secrets};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::permission::Permissions;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

pub use recognise::{recognise, standing};

/// What every key begins with.
pub const PREFIX: &str = "slk_";
/// Characters of a key that are kept, to recognise it.
const SHOWN: usize = 12;
/// Most addresses and networks of one key.
const MAX_ADDRESSES: usize = 50;
/// Longest time that a renewed key still works.
const MAX_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Name to show.
    pub display_name: String,
    /// For an AI agent rather than for another program.
    pub is_agent: bool,
    /// What it allows.
    pub permissions: Permissions,
    /// Workflow folders; everywhere when absent.
    pub folders: Option<Vec<String>>,
    /// Addresses and networks it works from; anywhere when absent.
    pub allowed_addresses: Option<Vec<String>>,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// The service account that it acts for; the caller when absent.
    pub service_account: Option<UserId>,
}

/// A key as it is handed out once.
#[derive(Clone)]
pub struct MadeApiKey {
    /// The key as it is stored.
    pub row: ApiKeyRow,
    /// The key itself.
    pub token: String,
}

/// Without the key itself.
impl std::fmt::Debug for MadeApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeApiKey").field("id", &self.row.id).finish_non_exhaustive()
    }
}

/// A page of the organization's keys, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<ApiKeyRow>, ServiceError> {
    viewer.require(Permission::ApiKeyWrite)?;
    Ok(services.store().api_keys(viewer.organization, request).await?)
}

/// How many keys there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ApiKeyWrite)?;
    Ok(services.store().count_api_keys(viewer.organization).await?)
}

/// Makes a key.
///
/// # Errors
/// `Forbidden`; mistakes, among them permissions that the caller does not hold; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, new: NewApiKey) -> Result<MadeApiKey, ServiceError> {
    viewer.require(Permission::ApiKeyWrite)?;
    let display_name = limits::name("displayName", &new.display_name);
    let mut mistakes: Vec<Mistake> = display_name.as_ref().err().cloned().into_iter().collect();
    mistakes.extend(limits::held(viewer, new.permissions));
    mistakes.extend(folders::check("namespaces", new.folders.as_deref()));
    mistakes.extend(check_addresses(new.allowed_addresses.as_deref()));
    if new.folders.is_some() && !folders::contain(viewer.folders.as_deref(), new.folders.as_deref()) {
        mistakes.push(Mistake::new(Code::Invalid, "namespaces", "you reach only some of these folders yourself"));
    }
    if new.expires_at.is_some_and(|until| until <= services.now()) {
        mistakes.push(Mistake::new(Code::Invalid, "expiresAt", "`expiresAt` is in the past"));
    }
    let (Ok(display_name), true) = (display_name, mistakes.is_empty()) else {
        return Err(ServiceError::Mistakes(mistakes));
    };
    let on_behalf_of = bound_by(services, viewer, new.service_account).await?;
    let token = secrets::make(PREFIX)?;
    let row = ApiKeyRow {
        id: ApiKeyId::new(),
        organization_id: viewer.organization,
        display_name,
        is_agent: new.is_agent,
        prefix: token.chars().take(SHOWN).collect(),
        token_hash: secrets::digest(&token),
        permissions: new.permissions.to_json(),
        // What is not limited is limited as its maker is.
        folders: folders::to_json(new.folders.as_deref().or(viewer.folders.as_deref())),
        allowed_addresses: folders::to_json(new.allowed_addresses.as_deref()),
        on_behalf_of,
        created_by: viewer.actor.id.clone(),
        created_at_ms: services.now().0,
        expires_at_ms: new.expires_at.map(|until| until.0),
        last_used_at_ms: None,
        last_used_from: None,
        revoked_at_ms: None,
        revoked_reason: None,
    };
    if !services.store().insert_api_key(row.clone()).await? {
        return Err(limits::organization_is_gone());
    }
    viewer.origin.trail.note(Change::of("api_key", row.id, row.display_name.as_str()).after(described(&row)));
    Ok(MadeApiKey { row, token })
}

/// Whose rights bound the key.
async fn bound_by(
    services: &Services,
    viewer: &Viewer,
    service_account: Option<UserId>,
) -> Result<UserId, ServiceError> {
    let Some(account) = service_account else {
        return viewer.user().ok_or_else(|| {
            let message = "nobody is signed in, so the key would act for nobody";
            ServiceError::mistake(
                Mistake::new(Code::WrongState, "serviceAccountId", message)
                    .with_help("Sign in, or make a service account with `serviceAccountCreate` and give its id."),
            )
        });
    };
    let unknown = || limits::unknown("serviceAccountId", "service account", account);
    let grant = grants::current(services, viewer.organization, account).await?.ok_or_else(unknown)?;
    let users = services.store().users_by_ids(&[account]).await?;
    if !users.first().is_some_and(|user| user.is_service) {
        return Err(unknown());
    }
    limits::no_more_than(viewer, &grant, "serviceAccountId", "the service account may do what you may not")?;
    Ok(account)
}

fn of_somebody_else() -> ServiceError {
    let message = "the key acts for somebody else, or for a service account that may do what you may not";
    let mistake = Mistake::new(Code::Invalid, "id", message);
    ServiceError::mistake(mistake.with_help("Whoever it acts for renews it; you can make it void with `apiKeyRevoke`."))
}

fn check_addresses(addresses: Option<&[String]>) -> Vec<Mistake> {
    let Some(addresses) = addresses else { return Vec::new() };
    if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
        let message = format!("`allowedAddresses` has 1 to {MAX_ADDRESSES} entries, not {}", addresses.len());
        let help = "Leave it out to mean from anywhere.";
        return vec![Mistake::new(Code::Invalid, "allowedAddresses", message).with_help(help)];
    }
    let wrong = addresses.iter().enumerate().filter(|(_, text)| network(text).is_none());
    wrong
        .map(|(place, _)| {
            let message = "an entry is an address or a network, such as `192.0.2.7` or `2001:db8::/32`";
            Mistake::new(Code::Invalid, &format!("allowedAddresses.{place}"), message)
        })
        .collect()
}

/// An address, or a network with its length.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address.to_canonical())))
}

/// Makes a key like an old one, which works until `overlap` is over.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when the old one is void; `INVALID` when it acts for another person; the
/// database away.
#[boxed]
pub async fn rotate(
    services: &Services,
    viewer: &Viewer,
    id: ApiKeyId,
    overlap: Duration,
) -> Result<MadeApiKey, ServiceError> {
    viewer.require(Permission::ApiKeyWrite)?;
    if overlap > MAX_OVERLAP {
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "overlap", "`overlap` is 30 days at most")));
    }
    let now = services.now();
    let old = services.store().api_key(viewer.organization, id).await?;
    let old = old.ok_or_else(|| limits::unknown("id", "key", id))?;
    let is_void = || {
        let mistake = Mistake::new(Code::WrongState, "id", "the key is void or has expired");
        ServiceError::mistake(mistake.with_help("Make a new one with `apiKeyCreate`."))
    };
    if old.revoked_at_ms.is_some() || old.expires_at_ms.is_some_and(|until| until <= now.0) {
        return Err(is_void());
    }
    if viewer.user() != Some(old.on_behalf_of) {
        // Whoever has the new secret acts as whom the key acts for: only a service account is lent like that.
        bound_by(services, viewer, Some(old.on_behalf_of)).await.map_err(|problem| match problem {
            ServiceError::Mistakes(_) => of_somebody_else(),
            other => other,
        })?;
    }
    // The new secret is in the caller's hands: it must not be worth more than the caller.
    let allowed = grants::effective(services, viewer.organization, Permissions::from_json(&old.permissions));
    if let Some(mistake) = limits::held(viewer, allowed) {
        return Err(ServiceError::mistake(Mistake { field: vec!["id".to_owned()], ..mistake }));
    }
    if !folders::contain(viewer.folders.as_deref(), folders::from_json(old.folders.as_deref()).as_deref()) {
        return Err(ServiceError::mistake(Mistake::new(
            Code::Invalid,
            "id",
            "the key reaches folders that you do not",
        )));
    }
    let token = secrets::make(PREFIX)?;
    let row = ApiKeyRow {
        id: ApiKeyId::new(),
        prefix: token.chars().take(SHOWN).collect(),
        token_hash: secrets::digest(&token),
        created_by: viewer.actor.id.clone(),
        created_at_ms: now.0,
        last_used_at_ms: None,
        last_used_from: None,
        ..old.clone()
    };
    let until_ms = now.0.saturating_add(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX));
    if !services.store().rotate_api_key(old.id, until_ms, row.clone()).await? {
        return Err(is_void());
    }
    services.known().keys.forget();
    let change = Change::of("api_key", row.id, row.display_name.as_str());
    viewer.origin.trail.note(change.before(described(&old)).after(described(&row)));
    Ok(MadeApiKey { row, token })
}

/// Makes a key void at once.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn revoke(
    services: &Services,
    viewer: &Viewer,
    id: ApiKeyId,
    reason: Option<String>,
) -> Result<ApiKeyRow, ServiceError> {
    viewer.require(Permission::ApiKeyWrite)?;
    let reason = limits::description("reason", reason)?;
    let row = services.store().revoke_api_key(viewer.organization, id, reason.clone(), services.now().0).await?;
    let row = row.ok_or_else(|| limits::unknown("id", "key", id))?;
    services.known().keys.forget();
    let change = Change::of("api_key", row.id, row.display_name.as_str()).because(reason);
    viewer.origin.trail.note(change.before(described(&row)));
    Ok(row)
}

/// A key for the record, without anything to use it by.
fn described(row: &ApiKeyRow) -> Value {
    json!({
        "displayName": row.display_name,
        "prefix": row.prefix,
        "permissions": Permissions::from_json(&row.permissions).iter().map(Permission::name).collect::<Vec<_>>(),
        "namespaces": folders::from_json(row.folders.as_deref()).as_deref(),
        "onBehalfOf": row.on_behalf_of.to_string(),
        "expiresAtMs": row.expires_at_ms,
    })
}
