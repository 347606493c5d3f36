//! Links of mails: each lets one person decide one approval once, without signing in.
//!
//! Only a digest of the token is stored. Whoever opens the link may do what that person may at that moment, as far as
//! it is about this approval: a role that was taken away counts here too.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use store::{ApprovalRow, LinkRow};

use super::decide::{Ruling, decide_with};
use super::read::within_reach;
use super::standing::{Hindrance, Who};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::attempts::{self, Subject};
use crate::identity::{grants, secrets};
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Credential, Origin, Permission, Permissions, Viewer};

/// What these tokens begin with.
const PREFIX: &str = "sla_";
/// How long a link counts, unless its approval expires before.
const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// An approval as somebody sees it who opens a link.
#[derive(Debug, Clone)]
pub struct LinkView {
    /// The approval.
    pub row: ApprovalRow,
    /// Whose link it is.
    pub person: Actor,
    /// Whether they may see what was shown to deciders.
    pub shows_data: bool,
    /// Whether they may decide with it.
    pub standing: Result<(), Code>,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// A new link, and its token, which is told to that person alone.
pub(super) fn make(row: &ApprovalRow, user: ids::UserId, now: Timestamp) -> Result<(LinkRow, String), ServiceError> {
    let token = secrets::make(PREFIX)?;
    let latest = now.plus(LIFETIME).0;
    let link = LinkRow {
        token_hash: secrets::digest(&token),
        organization_id: row.organization_id,
        approval_id: row.id,
        user_id: user,
        created_at_ms: now.0,
        expires_at_ms: row.expires_at_ms.map_or(latest, |expires| expires.min(latest)),
        used_at_ms: None,
    };
    Ok((link, token))
}

/// What whoever opens a link sees. Also one that has decided something is shown, until its time is over.
///
/// # Errors
/// `NOT_FOUND` for a token that nobody was sent, `LINK_EXPIRED`; [`ServiceError::RateLimited`]; the database away.
#[boxed]
pub async fn by_token(services: &Services, token: &str, origin: &Origin) -> Result<LinkView, ServiceError> {
    let link = find(services, token, origin).await?;
    let now = services.now();
    if link.expires_at_ms <= now.0 {
        return Err(spent(Some(&link), now));
    }
    let viewer = viewer_of(services, &link, origin).await?.ok_or_else(not_known)?;
    let row = within_reach(services, &viewer, link.approval_id).await?.ok_or_else(not_known)?;
    let who = Who::of(services, &viewer).await?;
    let known = who.asked_of(services, &row).await?;
    let standing = who.judge(&row, &known, now.0).map_err(Hindrance::code);
    let standing = if link.used_at_ms.is_some() { Err(Code::LinkUsed) } else { standing };
    let shows_data = viewer.permissions.contains(Permission::ExecutionDataRead);
    Ok(LinkView { row, person: viewer.actor, shows_data, standing, expires_at: Timestamp(link.expires_at_ms) })
}

/// Decides with a link, which is used up by the decision and by nothing else.
///
/// # Errors
/// `NOT_FOUND` for a token that nobody was sent, `LINK_USED`, `LINK_EXPIRED`; as [`super::decide`].
#[boxed]
pub async fn decide_by_token(
    services: &Services,
    token: &str,
    ruling: Ruling,
    origin: &Origin,
) -> Result<LinkView, ServiceError> {
    let link = find(services, token, origin).await?;
    let viewer = viewer_of(services, &link, origin).await?.ok_or_else(not_known)?;
    origin.trail.acts_as(link.organization_id, viewer.actor.clone());
    let now = services.now();
    if link.used_at_ms.is_some() || link.expires_at_ms <= now.0 {
        return Err(spent(Some(&link), now));
    }
    let decided = decide_with(services, &viewer, link.approval_id, ruling, Some(&link)).await;
    let row = match decided {
        Ok(row) => row,
        Err(refused) => {
            // Whoever used the same link a moment before is the reason, whatever else has become of the approval.
            let used = services.store().approval_link(&link.token_hash).await?.filter(|link| link.used_at_ms.is_some());
            return Err(used.map_or(refused, |used| spent(Some(&used), now)));
        }
    };
    Ok(LinkView {
        row,
        shows_data: viewer.permissions.contains(Permission::ExecutionDataRead),
        person: viewer.actor,
        standing: Err(Code::LinkUsed),
        expires_at: Timestamp(link.expires_at_ms),
    })
}

/// Whoever the link was sent to, with what they may do now that is about approvals; none when they may do nothing.
pub(super) async fn viewer_of(
    services: &Services,
    link: &LinkRow,
    origin: &Origin,
) -> Result<Option<Viewer>, ServiceError> {
    let Some(grant) = grants::of_member(services, link.organization_id, link.user_id).await? else { return Ok(None) };
    let Some(account) = services.store().users_by_ids(&[link.user_id]).await?.pop() else { return Ok(None) };
    let all: Permissions =
        [Permission::ApprovalRead, Permission::ApprovalDecide, Permission::ExecutionDataRead].into_iter().collect();
    Ok(Some(Viewer {
        organization: link.organization_id,
        actor: Actor { id: link.user_id.to_string(), display_name: account.display_name, kind: ActorKind::User },
        permissions: grant.permissions.intersection(all),
        roles: Arc::from(vec![grant.role_name]),
        folders: grant.folders,
        credential: Credential::Link { user: link.user_id },
        origin: origin.clone(),
    }))
}

/// The link with this token. Those that are none are counted for where they come from.
async fn find(services: &Services, token: &str, origin: &Origin) -> Result<LinkRow, ServiceError> {
    let from = Subject::from(services, origin);
    attempts::count_all(services, &from).await?;
    let known = if secrets::is_well_formed(PREFIX, token) {
        services.store().approval_link(&secrets::digest(token)).await?
    } else {
        None
    };
    let known = known.ok_or_else(not_known)?;
    attempts::succeeded(services, &from).await?;
    Ok(known)
}

fn not_known() -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "token", "this link was never sent, or leads nowhere any more");
    ServiceError::mistake(mistake.with_help("Open the newest mail, or sign in to decide."))
}

/// Why a link decides nothing any more.
pub(super) fn spent(link: Option<&LinkRow>, now: Timestamp) -> ServiceError {
    let expired = link.map(|link| link.expires_at_ms).filter(|at| *at <= now.0);
    let mistake = match expired {
        Some(at) => {
            let message = format!("this link counted until {}", Timestamp(at).to_rfc3339());
            Mistake::new(Code::LinkExpired, "token", message)
                .with_help("Ask to be reminded again, or sign in to decide.")
        }
        None => Mistake::new(Code::LinkUsed, "token", "this link was used before")
            .with_help("It counts once; the approval tells what came of it."),
    };
    ServiceError::mistake(mistake)
}
