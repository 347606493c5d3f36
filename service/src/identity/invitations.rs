//! Invitations: somebody with the token, and the address it was made for, becomes a member.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::{InvitationId, RoleId, UserId};
use serde_json::{Value, json};
use store::{Acceptance, InvitationRow, MembershipRow, Page, PageRequest};

use super::{limits, secrets};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::mail;
use crate::services::Services;
use crate::viewer::{Origin, Permission, Viewer};

/// What every token of an invitation begins with.
const PREFIX: &str = "sli_";
/// How long an invitation can be accepted.
const LIFE: Duration = Duration::from_hours(7 * 24);
/// Longest address, in characters.
const MAX_EMAIL: usize = 254;

/// An invitation as it is handed out once.
#[derive(Clone)]
pub struct MadeInvitation {
    /// As it is stored.
    pub row: InvitationRow,
    /// Where it is accepted, with the token behind `#`, which browsers send to nobody.
    pub accept_url: String,
}

/// Without the token.
impl std::fmt::Debug for MadeInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeInvitation").field("id", &self.row.id).finish_non_exhaustive()
    }
}

/// A page of the open invitations, oldest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<InvitationRow>, ServiceError> {
    viewer.require(Permission::MemberRead)?;
    Ok(services.store().invitations(viewer.organization, services.now().0, request).await?)
}

/// How many invitations are open, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::MemberRead)?;
    Ok(services.store().count_invitations(viewer.organization, services.now().0).await?)
}

/// Invites an address, in place of the invitation it had before.
///
/// # Errors
/// `Forbidden`; mistakes, among them a role that allows more than the caller may; the database away.
#[boxed]
pub async fn create(
    services: &Services,
    viewer: &Viewer,
    email: &str,
    role: RoleId,
) -> Result<MadeInvitation, ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    let email = checked_email(email)?;
    let grant = limits::role_to_give(services, viewer, role).await?;
    if let Some(user) = services.store().user_by_email(&email).await?
        && services.store().membership_of(viewer.organization, user.id).await?.is_some()
    {
        let mistake = Mistake::new(Code::AlreadyExists, "email", format!("{email} is a member already"));
        return Err(ServiceError::mistake(mistake.with_help("Change their role with `membershipUpdate`.")));
    }
    let now_ms = services.now().0;
    let token = secrets::make(PREFIX)?;
    let row = InvitationRow {
        id: InvitationId::new(),
        organization_id: viewer.organization,
        email,
        role_id: role,
        token_hash: secrets::digest(&token),
        // The person behind a key answers for what it does.
        invited_by: viewer.user().map_or_else(|| viewer.actor.id.clone(), |user| user.to_string()),
        created_at_ms: now_ms,
        expires_at_ms: now_ms + i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX),
    };
    if !services.store().replace_invitation(row.clone()).await? {
        return Err(limits::organization_is_gone());
    }
    let change = Change::of("invitation", row.id, row.email.as_str());
    viewer.origin.trail.note(change.after(json!({ "email": row.email, "role": grant.role_name })));
    let accept_url = format!("{}/invitation#token={token}", services.settings().public_url);
    if let Some(organization) = services.store().organization(viewer.organization).await? {
        services.settings().mailer.send(mail::invitation(&row.email, &organization.name, &accept_url));
    }
    Ok(MadeInvitation { row, accept_url })
}

/// As addresses are compared: trimmed and in lower case.
fn checked_email(text: &str) -> Result<String, ServiceError> {
    let email = text.trim().to_lowercase();
    let is_address = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
    });
    let is_plain = !email.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if !is_address || !is_plain || email.chars().count() > MAX_EMAIL {
        let message = "`email` is no address such as `ada@example.com`";
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "email", message)));
    }
    Ok(email)
}

/// Takes an open invitation back.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: InvitationId) -> Result<(), ServiceError> {
    viewer.require(Permission::MemberWrite)?;
    let deleted = services.store().delete_invitation(viewer.organization, id, services.now().0).await?;
    let row = deleted.ok_or_else(|| limits::unknown("id", "open invitation", id))?;
    viewer.origin.trail.note(Change::of("invitation", id, row.email.as_str()).before(json!({ "email": row.email })));
    Ok(())
}

/// Makes the caller a member by an invitation.
///
/// # Errors
/// `WRONG_STATE` when no person is signed in; as [`accept_for`].
#[boxed]
pub async fn accept(services: &Services, viewer: &Viewer, token: &str) -> Result<MembershipRow, ServiceError> {
    // A key must not carry its maker into another organization.
    let crate::viewer::Credential::Session { user, .. } = viewer.credential else {
        return Err(limits::only_people());
    };
    accept_for(services, user, token, &viewer.origin).await
}

/// Makes `user` a member by the invitation with this token, which must have been made for their address.
///
/// # Errors
/// `NOT_FOUND` for a token that is unknown, used, too old, or of another address: all the same answer; `ALREADY_EXISTS`
/// when they are a member already; the database away.
#[boxed]
pub async fn accept_for(
    services: &Services,
    user: UserId,
    token: &str,
    origin: &Origin,
) -> Result<MembershipRow, ServiceError> {
    let not_open = || {
        let mistake = Mistake::new(Code::NotFound, "token", "there is no such open invitation for your address");
        ServiceError::mistake(mistake.with_help("Ask for a new invitation, sent to the address you sign in with."))
    };
    if !secrets::is_well_formed(PREFIX, token) {
        return Err(not_open());
    }
    let person = services.store().user(user).await?.filter(|person| person.is_active);
    let Some((email, name)) = person.and_then(|person| Some((person.email?, person.display_name))) else {
        return Err(not_open());
    };
    let now_ms = services.now().0;
    match services.store().accept_invitation(&secrets::digest(token), user, &email, now_ms).await? {
        Acceptance::Joined(row) => {
            services.known().forget();
            let after: Value =
                json!({ "organization": row.organization_id.to_string(), "role": row.role_id.to_string() });
            origin.trail.note(Change::of("membership", row.id, name).after(after));
            Ok(row)
        }
        Acceptance::NotOpen => Err(not_open()),
        Acceptance::AlreadyMember => {
            let mistake = Mistake::new(Code::AlreadyExists, "token", "you are a member of this organization already");
            Err(ServiceError::mistake(mistake))
        }
    }
}
