//! Lists hooks and gives them secrets.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Timestamp;
use ids::{HookId, OrganizationId};
use serde_json::json;
use store::{HOOK_ADDRESS, HookRow, Page, PageRequest, StoreError};

use super::proof::{self, PREFIX};
use super::{Verification, find};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::sealed::{self, Place, Secret};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest time that a secret counts beside the next one.
const MAX_OVERLAP: Duration = Duration::from_hours(30 * 24);
/// Shortest and longest secret that is taken over from a sender, in bytes.
pub(super) const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// A secret to set.
#[derive(Debug, Clone)]
pub struct Rotate {
    /// Of which hook.
    pub hook: HookId,
    /// The secret that the sender made; a new one is made when absent.
    pub secret: Option<Secret>,
    /// How long the secret before it still counts.
    pub overlap: Duration,
}

/// A hook with its new secret.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The hook.
    pub row: HookRow,
    /// The secret, if it was made here.
    pub secret: Option<Secret>,
}

/// A page of the hooks of published versions within reach, oldest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(services: &Services, viewer: &Viewer, request: &PageRequest) -> Result<Page<HookRow>, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().hooks(viewer.organization, viewer.folders.as_deref(), request).await?)
}

/// How many hooks there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().count_hooks(viewer.organization, viewer.folders.as_deref()).await?)
}

/// Where a hook is called.
#[must_use]
pub fn address(services: &Services, organization_slug: &str, row: &HookRow) -> String {
    format!("{}/hooks/{organization_slug}/{}", services.settings().public_url, row.path)
}

/// Gives a hook a secret: a new one, or the one that its sender made.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`, `WRONG_STATE` when callers need not prove themselves, a secret that cannot be used; the
/// database away.
#[boxed]
pub async fn rotate(services: &Services, viewer: &Viewer, rotate: Rotate) -> Result<Rotated, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    let store = services.store();
    let row = store.hook(viewer.organization, rotate.hook).await?.ok_or_else(|| unknown(rotate.hook))?;
    if !reach::workflow(services, viewer, row.workflow_id).await? {
        return Err(unknown(rotate.hook));
    }
    check(&row, &rotate)?;
    if let Some(name) = find::named_secret(services, &row).await? {
        let message = format!("callers of this hook prove themselves with the secret `{name}` of the organization");
        let help = "Set that secret, or publish a version whose `verify` names no `secret`.";
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message).with_help(help)));
    }
    let made = if rotate.secret.is_none() { Some(made()?) } else { None };
    let Some(secret) = rotate.secret.as_ref().or(made.as_ref()) else { return Err(unknown(rotate.hook)) };
    let id = row.id.to_string();
    let sealed =
        sealed::seal(&services.settings().secret_key, place(viewer.organization, &id), secret).map_err(|error| {
            ServiceError::Internal { what: "a hook's secret cannot be sealed", source: Box::new(error) }
        })?;
    let now = services.now();
    let until = (!rotate.overlap.is_zero()).then(|| now.plus(rotate.overlap).0);
    let changed = store.set_hook_secret(viewer.organization, row.id, sealed, until, now.0).await?;
    let row = changed.ok_or_else(|| unknown(rotate.hook))?;
    let change = Change::of("hook", row.id, format!("{} {}", row.method, row.path)).named("hook.secret_rotated");
    let after = json!({ "isOfTheSender": made.is_none(), "previousUntil": until.map(|at| Timestamp(at).to_rfc3339()) });
    viewer.origin.trail.note(change.after(after));
    Ok(Rotated { row, secret: made })
}

/// The secrets that count for a hook now, the newest first.
pub(super) fn secrets(services: &Services, row: &HookRow, now: Timestamp) -> Result<Vec<Secret>, ServiceError> {
    let still = row.previous_until_ms.is_some_and(|until| until > now.0);
    let counting = [row.secret.as_ref(), row.previous_secret.as_ref().filter(|_| still)];
    let id = row.id.to_string();
    let open = |sealed: &String| {
        sealed::open(&services.settings().secret_key, place(row.organization_id, &id), sealed).map_err(|error| {
            ServiceError::Internal { what: "a hook's secret cannot be opened", source: Box::new(error) }
        })
    };
    counting.into_iter().flatten().map(open).collect()
}

/// The mistake behind a publication whose address another workflow has; other errors as they are.
#[must_use]
pub fn address_taken(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict { constraint, source } if constraint == HOOK_ADDRESS => {
            let mistake = Mistake::new(Code::AlreadyExists, "", source.to_string());
            ServiceError::mistake(mistake.with_help(
                "Give the trigger another `path`, or publish a version of that workflow that does not have it.",
            ))
        }
        error => error.into(),
    }
}

fn place(organization: OrganizationId, id: &str) -> Place<'_> {
    Place { organization, kind: "hook.secret", id }
}

fn unknown(id: HookId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no hook `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `hooks`."))
}

/// `whsec_` and 32 random bytes, as Standard Webhooks writes secrets.
pub(crate) fn made() -> Result<Secret, ServiceError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServiceError::Internal { what: "there are no random bytes", source: error.into() })?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

fn check(row: &HookRow, rotate: &Rotate) -> Result<(), ServiceError> {
    let mut mistakes = Vec::new();
    let verification = Verification::from_name(&row.verification);
    if verification == Verification::None {
        let message = "callers of this hook need not prove themselves, so it has no secret";
        let help = "Publish a version whose trigger has another `verify` than `none`.";
        mistakes.push(Mistake::new(Code::WrongState, "id", message).with_help(help));
    }
    if rotate.overlap > MAX_OVERLAP {
        mistakes.push(Mistake::new(Code::TooLarge, "overlap", "`overlap` is longer than 30 days"));
    }
    if let Some(secret) = &rotate.secret {
        let text = secret.reveal();
        if !SECRET_BYTES.contains(&text.len()) || text.chars().any(char::is_control) {
            let message = "a secret has 16 to 512 bytes, and no control characters";
            mistakes.push(Mistake::new(Code::Invalid, "secret", message));
        } else if verification == Verification::StandardWebhooks && proof::key(text).is_none() {
            let message = "a secret of Standard Webhooks is `whsec_` and 24 to 64 bytes in base64";
            mistakes.push(Mistake::new(Code::Invalid, "secret", message));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(ServiceError::Mistakes(mistakes)) }
}
