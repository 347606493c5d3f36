//! What is behind a name at the moment of a call.
//!
//! Nothing is kept in memory: a secret or service that was changed counts at once, everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use ids::{OrganizationId, ResourceLoaderId, RoleId, SecretId, ServiceId, UserId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::{AuthenticationKind, MemberFilter, PageRequest, ResourceLoaderRow, SecretRow, ServiceKind, ServiceRow};
use tracing::warn;

use super::secrets::{allowed_hosts, opened};
use super::services::MAX_SERVICES;
use crate::error::{ServiceError, chain};
use crate::identity::{BuiltInRole, email};
use crate::sealed::Secret;
use crate::services::Services;

/// How exactly it is known when a secret was last used: each use is not worth a write.
const USE_KNOWN_TO: Duration = Duration::from_hours(1);
/// Members that are read at once.
const MEMBERS_AT_ONCE: u64 = 500;
/// Addresses that are read of a role: one more than a message may have recipients, which says that there are too many.
const MOST_ADDRESSES: usize = 501;

/// A system that definitions call by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Name in definitions.
    pub name: String,
    /// Sort of system.
    pub kind: ServiceKind,
    /// Where it is, without a slash at the end; absent for those that need no address.
    pub base_url: Option<String>,
    /// How it is called.
    pub authentication: Authentication,
    /// Headers, time limit, entities, templates …, as described in `docs/parts.md`.
    pub settings: Map<String, Value>,
}

/// How a service is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// The way.
    pub kind: AuthenticationKind,
    /// Name of the secret; present for every kind but `None`.
    pub secret: Option<String>,
    /// Of `ApiKey`: the header, in lower case.
    pub header_name: Option<String>,
}

/// A secret for use in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableSecret {
    /// The value.
    pub value: Secret,
    /// Hosts that it may go to, in lower case: `host`, `host:port` or `*.example.com`; any when empty.
    pub allowed_hosts: Vec<String>,
    /// Tells whether two values are the same, without telling either.
    pub fingerprint: String,
}

/// How data that definitions declare by name is fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its id.
    pub id: ResourceLoaderId,
    /// Name in `context.load`.
    pub name: String,
    /// Name of the service that has it.
    pub service: String,
    /// The request, with templates over the context in any text: `path`, `query`, `key`, `params`, as in the object
    /// form of `context.load`; the loader is that of the service's kind.
    pub request: Value,
    /// Which part of the answer to keep, a path with dots; all when absent.
    pub result_path: Option<String>,
    /// JSON Schema of what is kept.
    pub output_schema: Option<Value>,
    /// Without it the execution fails.
    pub is_required: bool,
    /// How long an answer may be kept; zero: not at all.
    pub time_to_live: Duration,
}

/// Whose addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// Everybody who has a role, by its name.
    Role(&'a str),
    /// One member, by address or id.
    User(&'a str),
}

/// The service of this name.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn service(
    services: &Services,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Service>, ServiceError> {
    let rows = services.store().services_by_names(organization, &[name.to_owned()]).await?;
    rows.into_iter().next().map(service_of).transpose()
}

/// All services, oldest first: to find one by kind, entity or address.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn services(services: &Services, organization: OrganizationId) -> Result<Vec<Service>, ServiceError> {
    let rows = services.store().all_services(organization, MAX_SERVICES).await?;
    rows.into_iter().map(service_of).collect()
}

/// The secrets of these names, opened; one that does not exist is absent.
///
/// # Errors
/// When the database is away, or a secret was sealed under another key of the installation.
#[boxed]
pub async fn secrets(
    services: &Services,
    organization: OrganizationId,
    names: &[String],
) -> Result<BTreeMap<String, UsableSecret>, ServiceError> {
    let rows = services.store().secrets_by_names(organization, names).await?;
    note_use(services, organization, &rows).await;
    let usable = |row: SecretRow| {
        let (value, allowed_hosts) = (opened(services, &row)?, allowed_hosts(&row)?);
        Ok((row.name, UsableSecret { value, allowed_hosts, fingerprint: row.fingerprint }))
    };
    rows.into_iter().map(usable).collect()
}

/// The values of the variables of these names; one that does not exist is absent.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn variables(
    services: &Services,
    organization: OrganizationId,
    names: &[String],
) -> Result<Map<String, Value>, ServiceError> {
    let rows = services.store().variables_by_names(organization, names).await?;
    rows.into_iter().map(|row| Ok((row.name, stored(&row.value)?))).collect()
}

/// The registered resource of this name.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn resource(
    services: &Services,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Resource>, ServiceError> {
    let rows = services.store().resource_loaders_by_names(organization, &[name.to_owned()]).await?;
    rows.into_iter().next().map(resource_of).transpose()
}

/// Mail addresses of a member, or of everybody who has a role, 501 at most. Addresses that nobody proved to be theirs
/// are left out, and so are people who are switched off, and programs.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn addresses<'a>(
    services: &'a Services,
    organization: OrganizationId,
    who: Recipient<'a>,
) -> Result<Vec<String>, ServiceError> {
    match who {
        Recipient::User(name) => addresses_of(services, &named(services, organization, name).await?).await,
        Recipient::Role(name) => {
            let Some(role) = role_named(services, organization, name).await? else { return Ok(Vec::new()) };
            let (mut found, mut request) = (Vec::new(), PageRequest::first(MEMBERS_AT_ONCE));
            let filter = MemberFilter { role: Some(role), name: None, is_service: Some(false) };
            loop {
                let page = services.store().members(organization, &filter, &request).await?;
                let users: Vec<UserId> = page.rows.iter().map(|(_cursor, member)| member.user_id).collect();
                found.extend(addresses_of(services, &users).await?);
                if found.len() >= MOST_ADDRESSES {
                    found.truncate(MOST_ADDRESSES);
                    return Ok(found);
                }
                let last = page.rows.into_iter().next_back().filter(|_last| page.has_next);
                let Some((cursor, _member)) = last else { return Ok(found) };
                request = PageRequest::first(MEMBERS_AT_ONCE).after(cursor);
            }
        }
    }
}

/// The member with this id or address, if there is one.
async fn named(services: &Services, organization: OrganizationId, name: &str) -> Result<Vec<UserId>, ServiceError> {
    let store = services.store();
    let user = match name.parse::<UserId>() {
        Ok(user) => Some(user),
        Err(_an_address) => match email::parse(name) {
            Some(address) => store.user_by_email(&address).await?.map(|account| account.id),
            None => None,
        },
    };
    let Some(user) = user else { return Ok(Vec::new()) };
    let member = store.membership_of(organization, user).await?;
    Ok(member.map(|member| member.user_id).into_iter().collect())
}

async fn role_named(
    services: &Services,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<RoleId>, ServiceError> {
    if let Some(role) = BuiltInRole::by_name(name) {
        return Ok(Some(role.id()));
    }
    let own = services.store().roles(organization).await?;
    Ok(own.into_iter().find(|role| role.name == name).map(|role| role.id))
}

async fn addresses_of(services: &Services, users: &[UserId]) -> Result<Vec<String>, ServiceError> {
    let accounts = services.store().users_by_ids(users).await?;
    let reached = accounts
        .into_iter()
        .filter(|account| account.is_active && !account.is_service && account.email_verified_at_ms.is_some());
    Ok(reached.filter_map(|account| account.email).collect())
}

/// Notes when secrets were used. That it cannot be noted now is no reason to make no call.
async fn note_use(services: &Services, organization: OrganizationId, rows: &[SecretRow]) {
    let now = services.now();
    let is_due =
        |row: &&SecretRow| row.last_used_at_ms.is_none_or(|before| Timestamp(before).plus(USE_KNOWN_TO) <= now);
    let ids: Vec<SecretId> = rows.iter().filter(is_due).map(|row| row.id).collect();
    if ids.is_empty() {
        return;
    }
    if let Err(error) = services.store().note_secret_use(organization, &ids, now.0).await {
        warn!(organization.id = %organization, error = %chain(&error), "it was not noted when secrets were used");
    }
}

fn service_of(row: ServiceRow) -> Result<Service, ServiceError> {
    let authentication = Authentication { kind: row.auth_kind, secret: row.auth_secret, header_name: row.auth_header };
    let settings = stored(&row.settings)?;
    Ok(Service { id: row.id, name: row.name, kind: row.kind, base_url: row.base_url, authentication, settings })
}

fn resource_of(row: ResourceLoaderRow) -> Result<Resource, ServiceError> {
    Ok(Resource {
        id: row.id,
        name: row.name,
        service: row.service,
        request: stored(&row.request)?,
        result_path: row.result_path,
        output_schema: row.output_schema.as_deref().map(stored).transpose()?,
        is_required: row.is_required,
        time_to_live: Duration::from_millis(u64::try_from(row.time_to_live_ms).unwrap_or(0)),
    })
}

/// What a column with JSON holds.
pub(super) fn stored<T: DeserializeOwned>(text: &str) -> Result<T, ServiceError> {
    serde_json::from_str(text).map_err(|error| ServiceError::Internal {
        what: "a stored part of the organization cannot be read",
        source: error.into(),
    })
}
