//! Somebody stands in for somebody else for a time.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use ids::{SubstitutionId, UserId};
use serde_json::json;
use store::{SubstitutionFilter, SubstitutionRow};

use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::grants;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest time, in milliseconds: a year and a day.
const LONGEST_MS: i64 = 366 * 24 * 60 * 60 * 1_000;
/// Substitutions of one person at most, now and later.
const MOST: u64 = 20;
/// Substitutions of an organization that are shown at most.
const MANY: u64 = 1_000;

/// What is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSubstitution {
    /// Who is away; the viewer when absent.
    pub user: Option<UserId>,
    /// Who stands in.
    pub substitute: UserId,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Lets somebody stand in for the viewer, or for somebody else. Replaces those of the same person that overlap it.
///
/// # Errors
/// `Forbidden` without `APPROVAL_DECIDE`, and for somebody else without `APPROVAL_ADMIN`; mistakes; the database away.
#[boxed]
pub async fn set(services: &Services, viewer: &Viewer, new: NewSubstitution) -> Result<SubstitutionRow, ServiceError> {
    let user = match new.user {
        Some(user) if Some(user) != viewer.user() => {
            viewer.require(Permission::ApprovalAdmin)?;
            user
        }
        _themselves => {
            viewer.require(Permission::ApprovalDecide)?;
            viewer.user().ok_or_else(nobody)?
        }
    };
    let now_ms = services.now().0;
    let mut mistakes: Vec<Mistake> = mistake_of_time(new, now_ms).into_iter().collect();
    mistakes.extend(mistakes_of_people(services, viewer, user, new.substitute).await?);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let filter = SubstitutionFilter { user: Some(user), not_over_at_ms: now_ms, ..SubstitutionFilter::default() };
    let known = services.store().substitutions(viewer.organization, filter, MOST).await?;
    let stays = known.iter().filter(|row| row.ends_at_ms <= new.from.0 || row.starts_at_ms >= new.until.0);
    if stays.count() as u64 >= MOST {
        let message = format!("a person has at most {MOST} substitutions, now and later");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "userId", message)));
    }
    let row = SubstitutionRow {
        id: SubstitutionId::new(),
        organization_id: viewer.organization,
        user_id: user,
        substitute_id: new.substitute,
        starts_at_ms: new.from.0,
        ends_at_ms: new.until.0,
        created_by: viewer.actor.id.clone(),
        created_at_ms: now_ms,
    };
    let after = json!({
        "user": user.to_string(),
        "substitute": new.substitute.to_string(),
        "from": new.from.to_rfc3339(),
        "until": new.until.to_rfc3339(),
    });
    let change = Change::of("approval_substitution", row.id, "").named("approval.substitution_set");
    viewer.origin.trail.note(change.after(after));
    services.store().set_substitution(row.clone()).await?;
    Ok(row)
}

/// Ends a substitution at once: of the viewer, by the viewer, or of anybody with `APPROVAL_ADMIN`.
///
/// # Errors
/// `NOT_FOUND`, also for one that is none of the viewer's business; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: SubstitutionId) -> Result<(), ServiceError> {
    let unknown =
        || ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no substitution {id} of yours")));
    let row = services.store().substitution(viewer.organization, id).await?.ok_or_else(unknown)?;
    let is_theirs = viewer.user().is_some_and(|user| user == row.user_id || user == row.substitute_id);
    if !is_theirs && !viewer.permissions.contains(Permission::ApprovalAdmin) {
        return Err(unknown());
    }
    let before = json!({ "user": row.user_id.to_string(), "substitute": row.substitute_id.to_string() });
    let change = Change::of("approval_substitution", id, "").named("approval.substitution_deleted");
    viewer.origin.trail.note(change.before(before));
    if services.store().delete_substitution(viewer.organization, id).await? { Ok(()) } else { Err(unknown()) }
}

/// Substitutions that are not over, by their beginning.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn all(services: &Services, viewer: &Viewer) -> Result<Vec<SubstitutionRow>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let filter = SubstitutionFilter { not_over_at_ms: services.now().0, ..SubstitutionFilter::default() };
    Ok(services.store().substitutions(viewer.organization, filter, MANY).await?)
}

fn nobody() -> ServiceError {
    let mistake = Mistake::new(Code::Required, "userId", "nobody signs in here, so say who is away");
    ServiceError::mistake(mistake.with_help("Give the id of a member."))
}

fn mistake_of_time(new: NewSubstitution, now_ms: i64) -> Option<Mistake> {
    let message = if new.until <= new.from {
        "a substitution ends after it begins"
    } else if new.until.0 <= now_ms {
        "this time is over"
    } else if new.until.0.saturating_sub(new.from.0) > LONGEST_MS {
        "a substitution lasts a year at most"
    } else {
        return None;
    };
    Some(Mistake::new(Code::Invalid, "until", message))
}

async fn mistakes_of_people(
    services: &Services,
    viewer: &Viewer,
    user: UserId,
    substitute: UserId,
) -> Result<Vec<Mistake>, ServiceError> {
    let mut mistakes = Vec::new();
    if user == substitute {
        mistakes.push(Mistake::new(Code::Invalid, "substituteId", "nobody stands in for themselves"));
    }
    let machines: Vec<UserId> = services
        .store()
        .users_by_ids(&[user, substitute])
        .await?
        .into_iter()
        .filter(|account| account.is_service)
        .map(|account| account.id)
        .collect();
    for (field, one) in [("userId", user), ("substituteId", substitute)] {
        match grants::of_member(services, viewer.organization, one).await? {
            None => mistakes.push(Mistake::new(Code::NotFound, field, format!("there is no member {one}"))),
            Some(grant) if !grant.permissions.contains(Permission::ApprovalDecide) => {
                let message = format!("{one} lacks the permission APPROVAL_DECIDE");
                mistakes.push(Mistake::new(Code::Invalid, field, message));
            }
            Some(_may_decide) if machines.contains(&one) => {
                let message = format!("{one} is a service account, and people decide approvals");
                mistakes.push(Mistake::new(Code::Invalid, field, message));
            }
            Some(_may_decide) => {}
        }
    }
    Ok(mistakes)
}
