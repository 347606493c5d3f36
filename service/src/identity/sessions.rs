//! Sessions: opened by whoever signed in, continued by refresh tokens, over when they expire or are ended.
//!
//! Each use of a refresh token raises the generation of its session and gives the next one. An older one that
//! comes again was copied by somebody, and nobody can say who of both is the thief: the session ends. The one just
//! before is forgiven for [`GRACE`], since browsers race and answers get lost: it is answered with the same next
//! token again, so that no second line of tokens ever begins.

use async_recursion::async_recursion as boxed;
use std::fmt;
use std::time::Duration;

use engine::Timestamp;
use ids::{OrganizationId, SessionId, UserId};
use serde_json::json;
use store::SessionRow;

use super::refresh::RefreshToken;
use super::tokens;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Credential, Origin, Viewer};

/// How long a session lasts after it was last refreshed.
pub const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long a session lasts however often it is refreshed.
pub const LONGEST: Duration = Duration::from_hours(90 * 24);

/// How long the refresh token just before the one that counts is answered with the latter again.
pub const GRACE: Duration = Duration::from_secs(10);

/// What whoever signed in holds.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// Where it stands.
    pub organization: OrganizationId,
    /// Goes with every request.
    pub access_token: String,
    /// End of the access token.
    pub access_expires_at: Timestamp,
    /// Gives the next pair.
    pub refresh_token: String,
    /// End of the session unless it is refreshed before.
    pub refresh_expires_at: Timestamp,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("user", &self.user)
            .field("session", &self.session)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

/// Why a session was ended, as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// They signed out.
    SignedOut,
    /// They ended it from elsewhere.
    EndedByUser,
    /// They changed the password.
    PasswordChanged,
    /// They set a new password by mail.
    PasswordReset,
    /// A refresh token was used twice.
    TokenReused,
}

impl Reason {
    /// As it is recorded.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::EndedByUser => "ended_by_user",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::TokenReused => "token_reused",
        }
    }
}

/// Opens a session of somebody who was recognised, in `organization` or where they have been a member for longest.
///
/// # Errors
/// A mistake when they are a member nowhere, or not there; the database is away.
#[boxed]
pub async fn open(
    services: &Services,
    user: UserId,
    organization: Option<OrganizationId>,
    origin: &Origin,
) -> Result<SignedIn, ServiceError> {
    let standing = place(services, user, organization).await?.ok_or_else(nowhere)?;
    if organization.is_some_and(|wanted| wanted != standing) {
        let mistake = Mistake::new(Code::NotFound, "", "this account is no member of the organization");
        return Err(ServiceError::mistake(
            mistake.with_help("ask for an invitation to the organization, and accept it"),
        ));
    }
    let organization = standing;
    let now = services.now();
    let session = SessionRow {
        id: SessionId::new(),
        user_id: user,
        organization_id: Some(organization),
        generation: 1,
        user_agent: origin.user_agent.as_ref().map(|agent| agent.replace('\0', "")),
        remote_address: origin.address.map(|address| address.to_string()),
        created_at_ms: now.0,
        last_seen_at_ms: now.0,
        expires_at_ms: now.plus(LIFETIME).0,
        revoked_at_ms: None,
        revoked_reason: None,
    };
    services.store().insert_session(session.clone()).await?;
    let change = Change::of("session", session.id, "").after(json!({"user": user, "organization": organization}));
    origin.trail.note(change);
    Ok(signed_in(services, &session, organization))
}

/// The next pair of tokens for a refresh token.
///
/// # Errors
/// [`ServiceError::Unauthenticated`] for a token that does not count, whatever the reason; the database is away.
#[boxed]
pub async fn refresh(services: &Services, token: &str, origin: &Origin) -> Result<SignedIn, ServiceError> {
    let key = &services.settings().secret_key;
    let token = RefreshToken::parse(key, token).ok_or(ServiceError::Unauthenticated)?;
    let now = services.now();
    let seen = session_of(services, token).await?;
    let user = services.store().user(seen.user_id).await?;
    if !seen.is_live(now.0) || !user.is_some_and(|user| user.is_active) {
        return Err(ServiceError::Unauthenticated);
    }
    let organization =
        place(services, seen.user_id, seen.organization_id).await?.ok_or(ServiceError::Unauthenticated)?;
    if token.generation == seen.generation
        && let Some(rotated) = rotate(services, &seen, organization).await?
    {
        return Ok(signed_in(services, &rotated, organization));
    }
    // Whoever was faster raised the generation since; or this is an old token.
    let current = session_of(services, token).await?;
    if !current.is_live(now.0) || token.generation > current.generation {
        return Err(ServiceError::Unauthenticated);
    }
    let age_ms = now.0.saturating_sub(current.last_seen_at_ms);
    if token.generation == current.generation - 1 && age_ms <= millis(GRACE) {
        return Ok(signed_in(services, &current, current.organization_id.unwrap_or(organization)));
    }
    tracing::warn!(
        session.id = %current.id, user.id = %current.user_id, remote_address = ?origin.address,
        "a refresh token of session `{}` was used twice, the session is ended", current.id
    );
    metrics::counter!("sluice_refresh_tokens_reused_total").increment(1);
    end(services, current.user_id, current.id, Reason::TokenReused, origin).await?;
    Err(ServiceError::Unauthenticated)
}

/// Makes another organization the current one of the viewer's session. The caller has checked that they are a member.
///
/// The refresh token before this no longer counts: with an access token alone, nobody could otherwise get hold of a
/// refresh token without its owner noticing.
///
/// # Errors
/// A mistake when the viewer has no session; [`ServiceError::Unauthenticated`] when it is over; the database is away.
#[boxed]
pub async fn switch(
    services: &Services,
    viewer: &Viewer,
    organization: OrganizationId,
) -> Result<SignedIn, ServiceError> {
    let Credential::Session { session, .. } = viewer.credential else {
        let mistake = Mistake::new(Code::WrongState, "", "only people who signed in stand in an organization");
        return Err(ServiceError::mistake(
            mistake.with_help("a key belongs to one organization; use one of the other"),
        ));
    };
    let seen = services.store().session(session).await?.ok_or(ServiceError::Unauthenticated)?;
    // A refresh at the same moment wins: the caller tries again with the token that it brought.
    let rotated = rotate(services, &seen, organization).await?.ok_or(ServiceError::Unauthenticated)?;
    let change = Change::of("session", session, "")
        .before(json!({"organization": seen.organization_id}))
        .after(json!({"organization": organization}));
    viewer.origin.trail.note(change);
    Ok(signed_in(services, &rotated, organization))
}

/// Whether a session counts: not ended, not expired, and its person may sign in. Known from memory for up to 15
/// seconds; what this process ends is seen at once.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn is_live(services: &Services, session: SessionId) -> Result<bool, ServiceError> {
    let known = &services.accounts().live;
    if let Some(is_live) = known.get(&session).await {
        return Ok(is_live);
    }
    let store = services.store();
    let is_live = match store.session(session).await? {
        Some(row) if row.is_live(services.now().0) => store.user(row.user_id).await?.is_some_and(|user| user.is_active),
        Some(_over) => false,
        None => false,
    };
    known.insert(session, is_live).await;
    Ok(is_live)
}

/// Sessions of the viewer that are not over, newest first, at most a hundred.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_viewer(services: &Services, viewer: &Viewer) -> Result<Vec<SessionRow>, ServiceError> {
    match viewer.credential {
        Credential::Session { user, .. } => Ok(services.store().live_sessions_of(user, services.now().0, 100).await?),
        Credential::ApiKey { .. } | Credential::Link { .. } | Credential::Unguarded | Credential::System => {
            Ok(Vec::new())
        }
    }
}

/// The session of somebody who signed in a moment ago.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_signed_in(services: &Services, signed_in: &SignedIn) -> Result<Option<SessionRow>, ServiceError> {
    Ok(services.store().session(signed_in.session).await?)
}

/// Ends the viewer's session, or another one of theirs.
///
/// # Errors
/// A mistake when there is no such session of theirs, or none is named and the viewer has none; the database is away.
#[boxed]
pub async fn revoke(
    services: &Services,
    viewer: &Viewer,
    session: Option<SessionId>,
) -> Result<SessionId, ServiceError> {
    let Credential::Session { user, session: own } = viewer.credential else {
        return Err(without_session());
    };
    let session = session.unwrap_or(own);
    let reason = if session == own { Reason::SignedOut } else { Reason::EndedByUser };
    if end(services, user, session, reason, &viewer.origin).await? {
        return Ok(session);
    }
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no session `{session}` of yours"));
    Err(ServiceError::mistake(mistake.with_help("`viewer { sessions { id } }` lists those that are not over")))
}

/// Ends every session of the viewer, or every other one. How many they were.
///
/// # Errors
/// A mistake when the viewer has none; the database is away.
#[boxed]
pub async fn revoke_all(services: &Services, viewer: &Viewer, keeps_current: bool) -> Result<usize, ServiceError> {
    let Credential::Session { user, session } = viewer.credential else { return Err(without_session()) };
    let except = keeps_current.then_some(session);
    revoke_all_of(services, user, except, Reason::EndedByUser, &viewer.origin).await
}

/// Ends all sessions of somebody but one. How many they were.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn revoke_all_of(
    services: &Services,
    user: UserId,
    except: Option<SessionId>,
    reason: Reason,
    origin: &Origin,
) -> Result<usize, ServiceError> {
    let ended = services.store().revoke_sessions_of(user, except, reason.as_str(), services.now().0).await?;
    for session in &ended {
        services.accounts().live.insert(*session, false).await;
        note_end(*session, user, reason, origin);
    }
    Ok(ended.len())
}

async fn end(
    services: &Services,
    user: UserId,
    session: SessionId,
    reason: Reason,
    origin: &Origin,
) -> Result<bool, ServiceError> {
    let is_ended = services.store().revoke_session(user, session, reason.as_str(), services.now().0).await?;
    if is_ended {
        services.accounts().live.insert(session, false).await;
        note_end(session, user, reason, origin);
    }
    Ok(is_ended)
}

fn note_end(session: SessionId, user: UserId, reason: Reason, origin: &Origin) {
    let change = Change::of("session", session, "").before(json!({"user": user}));
    origin.trail.note(change.because(Some(reason.as_str().to_owned())));
}

async fn session_of(services: &Services, token: RefreshToken) -> Result<SessionRow, ServiceError> {
    services.store().session(token.session).await?.ok_or(ServiceError::Unauthenticated)
}

async fn rotate(
    services: &Services,
    seen: &SessionRow,
    organization: OrganizationId,
) -> Result<Option<SessionRow>, ServiceError> {
    let now = services.now();
    let end = Timestamp(seen.created_at_ms).plus(LONGEST).min(now.plus(LIFETIME));
    Ok(services.store().rotate_session(seen, organization, end.0, now.0).await?)
}

/// `wanted` when they are a member there; where they have been a member for longest when nothing is wanted, or
/// they are a member there no longer.
async fn place(
    services: &Services,
    user: UserId,
    wanted: Option<OrganizationId>,
) -> Result<Option<OrganizationId>, ServiceError> {
    let store = services.store();
    let memberships = store.memberships_of(user).await?;
    let mut known: Vec<OrganizationId> = memberships.iter().map(|membership| membership.organization_id).collect();
    known.sort_by_key(|known| Some(*known) != wanted);
    for organization in known {
        // An organization that was deleted is nobody's place.
        if store.role_in_force(organization, user).await?.is_some() {
            return Ok(Some(organization));
        }
    }
    Ok(None)
}

fn signed_in(services: &Services, session: &SessionRow, organization: OrganizationId) -> SignedIn {
    let (access_token, access_expires_at) = tokens::issue(services, session.user_id, session.id, organization);
    let refresh = RefreshToken { session: session.id, generation: session.generation };
    SignedIn {
        user: session.user_id,
        session: session.id,
        organization,
        access_token,
        access_expires_at,
        refresh_token: refresh.sign(&services.settings().secret_key),
        refresh_expires_at: Timestamp(session.expires_at_ms),
    }
}

fn nowhere() -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "", "this account is a member of no organization");
    ServiceError::mistake(mistake.with_help("ask for an invitation to an organization, and accept it"))
}

/// The caller was not recognised by a session.
pub(super) fn without_session() -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "", "the caller did not sign in, so there is no session");
    ServiceError::mistake(mistake.with_help("sign in with `sessionCreate` first"))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
