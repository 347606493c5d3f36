//! Organizations: made by people, changed and deleted by their owners.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::{MembershipId, OrganizationId};
use serde_json::json;
use store::{MembershipRow, OrganizationChanges, OrganizationRow, Page, PageRequest, StoreError};

use super::sessions::{self, SignedIn};
use super::{BuiltInRole, grants, limits};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Credential, Permission, Viewer};

/// How long the rows of a deleted organization are kept; nobody has access meanwhile.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Rows that are deleted in one transaction, which must be short.
const GROUP: u64 = 500;
/// Groups in one run.
const GROUPS: usize = 20;
/// Longest slug, in characters.
const MAX_SLUG: usize = 63;
/// Most organizations that one person belongs to.
const MOST: u64 = 100;

/// An organization to make.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Title.
    pub name: String,
    /// Name for addresses.
    pub slug: String,
    /// What it is.
    pub description: Option<String>,
}

/// One organization, if the caller belongs to it.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn organization(
    services: &Services,
    viewer: &Viewer,
    id: OrganizationId,
) -> Result<Option<OrganizationRow>, ServiceError> {
    let belongs = id == viewer.organization
        || match viewer.credential {
            Credential::Session { user, .. } => services.store().membership_of(id, user).await?.is_some(),
            // A key is of one organization, whatever its maker belongs to.
            Credential::ApiKey { .. } | Credential::Link { .. } | Credential::Unguarded | Credential::System => false,
        };
    if belongs { Ok(services.store().organization(id).await?) } else { Ok(None) }
}

/// A page of the organizations that the caller belongs to, oldest first.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<OrganizationRow>, ServiceError> {
    if let Credential::Session { user, .. } = viewer.credential {
        return Ok(services.store().organizations_of(user, request).await?);
    }
    let row = crate::organization(services, viewer).await?;
    let place = store::Cursor { key: store::SortKey::None(()), id: row.id.uuid() };
    let is_first = request.after.is_none() && request.before.is_none();
    let rows = if is_first { vec![(place, row)] } else { Vec::new() };
    Ok(Page { rows, has_next: false, has_previous: false })
}

/// How many organizations the caller belongs to, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    match viewer.credential {
        Credential::Session { user, .. } => Ok(services.store().count_organizations_of(user).await?),
        Credential::ApiKey { .. } | Credential::Link { .. } | Credential::Unguarded | Credential::System => {
            Ok((1, true))
        }
    }
}

/// Makes an organization; the caller becomes its owner.
///
/// # Errors
/// `WRONG_STATE` when no person is signed in; mistakes; `ALREADY_EXISTS` when the slug is taken; the database away.
#[boxed]
pub async fn create(
    services: &Services,
    viewer: &Viewer,
    new: NewOrganization,
) -> Result<OrganizationRow, ServiceError> {
    let Credential::Session { user, .. } = viewer.credential else { return Err(limits::only_people()) };
    let description = limits::description("description", new.description)?;
    let name = limits::name("name", &new.name);
    let mut mistakes: Vec<Mistake> = name.as_ref().err().cloned().into_iter().collect();
    mistakes.extend(check_slug(&new.slug));
    let (Ok(name), true) = (name, mistakes.is_empty()) else { return Err(ServiceError::Mistakes(mistakes)) };
    if services.store().count_organizations_of(user).await?.0 >= MOST {
        let message = format!("a person belongs to at most {MOST} organizations");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "", message)));
    }
    let now_ms = services.now().0;
    let row = OrganizationRow {
        id: OrganizationId::new(),
        slug: new.slug,
        name,
        description,
        revision: 1,
        created_at_ms: now_ms,
    };
    let owner = MembershipRow {
        id: MembershipId::new(),
        organization_id: row.id,
        user_id: user,
        role_id: BuiltInRole::Owner.id(),
        invited_by: None,
        joined_at_ms: now_ms,
    };
    match services.store().insert_organization(row.clone(), owner).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => {
            let mistake = Mistake::new(Code::AlreadyExists, "slug", format!("the slug `{}` is taken", row.slug));
            return Err(ServiceError::mistake(mistake.with_help("Choose another one.")));
        }
        Err(error) => return Err(error.into()),
    }
    services.known().forget();
    let change = Change::of("organization", row.id, row.name.as_str());
    viewer.origin.trail.note(change.after(json!({ "name": row.name, "slug": row.slug })));
    Ok(row)
}

/// Changes the caller's organization.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT` when the revision has moved on; mistakes; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: OrganizationId,
    expected_revision: Option<i32>,
    mut changes: OrganizationChanges,
) -> Result<OrganizationRow, ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    let before = current(services, viewer, id).await?;
    if let Some(name) = changes.name {
        changes.name = Some(limits::name("name", &name).map_err(ServiceError::mistake)?);
    }
    if let Some(description) = changes.description {
        changes.description = Some(limits::description("description", description)?);
    }
    let after = services.store().update_organization(id, expected_revision, changes, services.now().0).await?;
    let after = after.ok_or_else(|| limits::moved_on("expectedRevision"))?;
    let described = |row: &OrganizationRow| json!({ "name": row.name, "description": row.description });
    let change = Change::of("organization", id, after.name.as_str());
    viewer.origin.trail.note(change.before(described(&before)).after(described(&after)));
    Ok(after)
}

/// Deletes the caller's organization: nobody has access any more, nothing of it starts; its rows go after 30 days.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `INVALID` when the slug is not confirmed; `WRONG_STATE` for the default organization; the
/// database away.
#[boxed]
pub async fn delete(
    services: &Services,
    viewer: &Viewer,
    id: OrganizationId,
    confirm_slug: &str,
) -> Result<(), ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    let row = current(services, viewer, id).await?;
    if id == services.default_organization() {
        let message = "this is the organization of the installation, which stays";
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)));
    }
    if confirm_slug != row.slug {
        let mistake = Mistake::new(Code::Invalid, "confirmSlug", "`confirmSlug` is not the slug of this organization");
        return Err(ServiceError::mistake(mistake.with_help("Write its slug, to be sure that it is this one.")));
    }
    if !services.store().delete_organization(id, services.now().0).await? {
        return Err(limits::organization_is_gone());
    }
    services.known().forget();
    let change = Change::of("organization", id, row.name.as_str());
    viewer.origin.trail.note(change.before(json!({ "name": row.name, "slug": row.slug })));
    Ok(())
}

/// Makes another organization the one that the caller is in.
///
/// # Errors
/// `NOT_FOUND` when they are no member of it, or it was deleted; a mistake when no person is signed in; the database
/// away.
#[boxed]
pub async fn switch(services: &Services, viewer: &Viewer, id: OrganizationId) -> Result<SignedIn, ServiceError> {
    let unknown = || limits::unknown("id", "organization of yours", id);
    let user = viewer.user().ok_or_else(limits::only_people)?;
    grants::current(services, id, user).await?.ok_or_else(unknown)?;
    sessions::switch(services, viewer, id).await
}

async fn current(services: &Services, viewer: &Viewer, id: OrganizationId) -> Result<OrganizationRow, ServiceError> {
    // Rights are held where the caller is now, and nowhere else.
    if id != viewer.organization {
        let unknown = Mistake::new(Code::NotFound, "id", format!("there is no organization {id} where you are now"));
        return Err(ServiceError::mistake(unknown.with_help("Change to it first, with `organizationSwitch`.")));
    }
    services.store().organization(id).await?.ok_or_else(limits::organization_is_gone)
}

/// Deletes some rows of organizations that were deleted 30 days ago; returns how many.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn purge(services: &Services) -> Result<u64, ServiceError> {
    let before_ms = services.now().0 - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let mut deleted = 0;
    let mut groups = 0;
    for organization in services.store().deleted_organizations(before_ms).await? {
        while groups < GROUPS {
            groups += 1;
            let count = services.store().purge_organization(organization, GROUP).await?;
            deleted += count;
            if count == 0 {
                break;
            }
        }
    }
    metrics::counter!("sluice_retention_deleted_total", "what" => "organizations").increment(deleted);
    Ok(deleted)
}

fn check_slug(slug: &str) -> Option<Mistake> {
    let is_slug = (2..=MAX_SLUG).contains(&slug.len())
        && slug.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !slug.ends_with('-')
        && slug.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    (!is_slug).then(|| {
        let message = format!("a slug is 2 to {MAX_SLUG} lower-case letters, digits and `-`, and begins with a letter");
        Mistake::new(Code::Invalid, "slug", message).with_help("For example `acme` or `acme-labs`.")
    })
}
