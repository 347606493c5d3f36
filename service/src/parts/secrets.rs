//! Secrets: values that calls use and nobody reads back.

use std::fmt;

use async_recursion::async_recursion as boxed;
use ids::{OrganizationId, SecretId};
use serde_json::{Value, json};
use store::{Page, PageRequest, PartFilter, PartInserted, PartKind, PartName, PartSaved, SecretRow};

use super::checks::{check_description, check_name, everywhere, hosts};
use super::resolve::stored;
use super::used::{Leaving, settle};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::hex;
use crate::sealed::{self, Place, Secret};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Secrets of one organization at most.
pub const MAX_SECRETS: u64 = 1_000;
/// Largest value, in bytes.
const MAX_VALUE: usize = 32 * 1_024;
/// Bytes of the digest that tells values apart.
const FINGERPRINT: usize = 8;

/// A secret to create, or what to change of it; what is absent stays.
#[derive(Clone)]
pub struct SecretSetInput {
    /// Name in definitions.
    pub name: String,
    /// The value; a secret that is created needs one.
    pub value: Option<Secret>,
    /// What it is for.
    pub description: Option<String>,
    /// Hosts that it may go to; any when the list is empty.
    pub allowed_hosts: Option<Vec<String>>,
    /// When it should be renewed, Unix milliseconds.
    pub rotate_at_ms: Option<i64>,
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
}

impl fmt::Debug for SecretSetInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSetInput").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Creates a secret, or changes the one of this name. A new value counts for the next call.
///
/// # Errors
/// `Forbidden`; mistakes, all at once; `CONFLICT` when it was changed meanwhile; the database away.
#[boxed]
pub async fn set(services: &Services, viewer: &Viewer, input: SecretSetInput) -> Result<SecretRow, ServiceError> {
    viewer.require(Permission::SecretWrite)?;
    everywhere(viewer)?;
    let mut mistakes = Vec::new();
    check_name(&input.name, &mut mistakes);
    check_description(input.description.as_deref(), &mut mistakes);
    check_value(input.value.as_ref(), &mut mistakes);
    let allowed = input.allowed_hosts.as_deref().map(|list| hosts(list, &mut mistakes));
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let known = services.store().secrets_by_names(viewer.organization, std::slice::from_ref(&input.name)).await?;
    match known.into_iter().next() {
        Some(before) => change(services, viewer, before, input, allowed).await,
        None => create(services, viewer, input, allowed).await,
    }
}

async fn create(
    services: &Services,
    viewer: &Viewer,
    input: SecretSetInput,
    allowed: Option<Vec<String>>,
) -> Result<SecretRow, ServiceError> {
    let Some(value) = input.value else {
        let mistake = Mistake::new(Code::Required, "value", format!("there is no secret `{}` yet", input.name));
        return Err(ServiceError::mistake(mistake.with_help("Give the value that it shall have.")));
    };
    if input.expected_revision.is_some() {
        return Err(moved_on(&input.name));
    }
    let (id, now_ms, actor) = (SecretId::new(), services.now().0, viewer.actor.id.clone());
    let row = SecretRow {
        id,
        organization_id: viewer.organization,
        value: sealed_value(services, viewer.organization, id, &value)?,
        fingerprint: fingerprint(services, viewer.organization, &value),
        name: input.name,
        description: input.description,
        allowed_hosts: allowed.and_then(|hosts| listed(&hosts)),
        rotate_at_ms: input.rotate_at_ms,
        last_used_at_ms: None,
        version: 1,
        revision: 1,
        created_at_ms: now_ms,
        created_by: actor.clone(),
        updated_at_ms: now_ms,
        updated_by: actor,
    };
    let name = row.name.clone();
    match services.store().insert_secret(row, MAX_SECRETS).await? {
        PartInserted::New(row) => {
            viewer.origin.trail.note(noted(&row, "secret.created").after(shown(&row)));
            Ok(row)
        }
        // Somebody else created it at this moment.
        PartInserted::NameTaken => Err(moved_on(&name)),
        PartInserted::TooMany => {
            let message = format!("the organization has {MAX_SECRETS} secrets already");
            let mistake = Mistake::new(Code::TooLarge, "", message);
            Err(ServiceError::mistake(mistake.with_help("Delete one that is not needed.")))
        }
        PartInserted::NoSuchPart | PartInserted::NoOrganization => Err(ServiceError::Unauthenticated),
    }
}

async fn change(
    services: &Services,
    viewer: &Viewer,
    before: SecretRow,
    input: SecretSetInput,
    allowed: Option<Vec<String>>,
) -> Result<SecretRow, ServiceError> {
    if input.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(moved_on(&before.name));
    }
    let organization = viewer.organization;
    let (value, fingerprint, version) = match &input.value {
        Some(value) => {
            let sealed = sealed_value(services, organization, before.id, value)?;
            (sealed, fingerprint(services, organization, value), before.version + 1)
        }
        None => (before.value.clone(), before.fingerprint.clone(), before.version),
    };
    let new = SecretRow {
        value,
        fingerprint,
        version,
        description: input.description.or_else(|| before.description.clone()),
        allowed_hosts: allowed.map_or_else(|| before.allowed_hosts.clone(), |hosts| listed(&hosts)),
        rotate_at_ms: input.rotate_at_ms.or(before.rotate_at_ms),
        updated_at_ms: services.now().0,
        updated_by: viewer.actor.id.clone(),
        ..before.clone()
    };
    match services.store().save_secret(new, before.revision).await? {
        PartSaved::Saved(row) => {
            viewer.origin.trail.note(noted(&row, "secret.updated").before(shown(&before)).after(shown(&row)));
            Ok(row)
        }
        PartSaved::NoSuchPart | PartSaved::MovedOn => Err(moved_on(&before.name)),
    }
}

/// Deletes a secret.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions or services, which are named; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: SecretId) -> Result<(), ServiceError> {
    viewer.require(Permission::SecretWrite)?;
    everywhere(viewer)?;
    let row = services.store().secrets_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))?;
    let outcome = services.store().delete_secret(viewer.organization, id).await?;
    let part = PartName { kind: PartKind::Secret, name: row.name.clone() };
    settle(services, viewer, outcome, Leaving { part: &part, called: "the secret", absent: unknown(id) }).await?;
    viewer.origin.trail.note(noted(&row, "secret.deleted").before(shown(&row)));
    Ok(())
}

/// Several secrets, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(services: &Services, viewer: &Viewer, ids: &[SecretId]) -> Result<Vec<SecretRow>, ServiceError> {
    viewer.require(Permission::SecretUse)?;
    Ok(services.store().secrets_by_ids(viewer.organization, ids).await?)
}

/// Several secrets by name, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_names(services: &Services, viewer: &Viewer, names: &[String]) -> Result<Vec<SecretRow>, ServiceError> {
    viewer.require(Permission::SecretUse)?;
    Ok(services.store().secrets_by_names(viewer.organization, names).await?)
}

/// A page of the secrets that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &PartFilter,
    request: &PageRequest,
) -> Result<Page<SecretRow>, ServiceError> {
    viewer.require(Permission::SecretUse)?;
    Ok(services.store().secrets(viewer.organization, filter, request).await?)
}

/// How many secrets fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &PartFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::SecretUse)?;
    Ok(services.store().count_secrets(viewer.organization, filter).await?)
}

/// The hosts that a secret may go to; any when there is none.
///
/// # Errors
/// When what is stored cannot be read.
pub fn allowed_hosts(row: &SecretRow) -> Result<Vec<String>, ServiceError> {
    row.allowed_hosts.as_deref().map_or_else(|| Ok(Vec::new()), stored)
}

/// The value of a secret, for a call.
pub(super) fn opened(services: &Services, row: &SecretRow) -> Result<Secret, ServiceError> {
    let id = row.id.to_string();
    let place = place(row.organization_id, &id);
    sealed::open(&services.settings().secret_key, place, &row.value).map_err(|error| ServiceError::Internal {
        what: "a secret of the organization cannot be opened",
        source: Box::new(error),
    })
}

fn sealed_value(
    services: &Services,
    organization: OrganizationId,
    id: SecretId,
    value: &Secret,
) -> Result<String, ServiceError> {
    let id = id.to_string();
    sealed::seal(&services.settings().secret_key, place(organization, &id), value).map_err(|error| {
        ServiceError::Internal { what: "a secret of the organization cannot be sealed", source: Box::new(error) }
    })
}

fn place(organization: OrganizationId, id: &str) -> Place<'_> {
    Place { organization, kind: "secret.value", id }
}

/// The same for the same value of an organization, and telling nothing about it.
fn fingerprint(services: &Services, organization: OrganizationId, value: &Secret) -> String {
    let whose = [organization.uuid().as_bytes().as_slice(), value.reveal().as_bytes()].concat();
    hex(&services.settings().secret_key.digest("secret.fingerprint", &whose)[..FINGERPRINT])
}

/// Hosts as they are stored; an empty list means any, as none does.
fn listed(hosts: &[String]) -> Option<String> {
    (!hosts.is_empty()).then(|| json!(hosts).to_string())
}

fn check_value(value: Option<&Secret>, mistakes: &mut Vec<Mistake>) {
    let Some(value) = value else { return };
    if value.reveal().is_empty() {
        mistakes.push(Mistake::new(Code::Required, "value", "a secret is not empty"));
    }
    if value.reveal().len() > MAX_VALUE {
        mistakes.push(Mistake::new(Code::TooLarge, "value", format!("a secret has at most {MAX_VALUE} bytes")));
    }
}

fn noted(row: &SecretRow, named: &'static str) -> Change {
    Change::of("secret", row.id, row.name.as_str()).named(named)
}

/// What the audit log shows of a secret: never the value.
fn shown(row: &SecretRow) -> Value {
    let hosts: Option<Value> = row.allowed_hosts.as_deref().and_then(|list| serde_json::from_str(list).ok());
    json!({ "version": row.version, "fingerprint": row.fingerprint, "allowedHosts": hosts })
}

fn unknown(id: SecretId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no secret `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `secrets`."))
}

fn moved_on(name: &str) -> ServiceError {
    let message = format!("the secret `{name}` was changed meanwhile");
    let mistake = Mistake::new(Code::Conflict, "expectedRevision", message);
    ServiceError::mistake(mistake.with_help("Read it again and decide anew."))
}
