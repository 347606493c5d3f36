//! Somebody takes an approval on, so that others see that somebody is at it. It keeps nobody from deciding.

use async_recursion::async_recursion as boxed;
use ids::ApprovalId;
use queue::Notice;
use store::{ApprovalRow, ClaimApproval, HandOutcome};

use super::decide::{closed, refusal, unknown};
use super::read::within_reach;
use super::standing::Who;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Takes an approval on. Nothing happens when the viewer has it already.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; all reasons for which the viewer may not decide; `CONFLICT` when somebody else works on
/// it; the database away.
#[boxed]
pub async fn claim(services: &Services, viewer: &Viewer, id: ApprovalId) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalDecide)?;
    let who = Who::of(services, viewer).await?;
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    let known = who.asked_of(services, &row).await?;
    if let Err(hindrance) = who.judge(&row, &known, services.now().0) {
        return Err(refusal(services, viewer, &row, hindrance).await?);
    }
    viewer.origin.trail.note(Change::of("approval", id, row.step_path.clone()).named("approval.claimed"));
    if row.claimed_by.as_ref() == Some(&who.person) {
        return Ok(row);
    }
    change(services, viewer, id, None, Some(who.person)).await
}

/// Gives an approval back. Whoever administers approvals takes it from anybody.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when nobody works on it; `CONFLICT` when somebody else does; the database
/// away.
#[boxed]
pub async fn release(services: &Services, viewer: &Viewer, id: ApprovalId) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalDecide)?;
    let person = viewer.user().map_or_else(|| viewer.actor.id.clone(), |user| user.to_string());
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    let Some(holder) = row.claimed_by.clone() else {
        let message = format!("nobody works on approval {id}");
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message)));
    };
    if holder != person && !viewer.permissions.contains(Permission::ApprovalAdmin) {
        return Err(taken(&row));
    }
    viewer.origin.trail.note(Change::of("approval", id, row.step_path).named("approval.released"));
    change(services, viewer, id, Some(holder), None).await
}

async fn change(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    from: Option<String>,
    to: Option<String>,
) -> Result<ApprovalRow, ServiceError> {
    let claim = ClaimApproval {
        organization_id: viewer.organization,
        approval_id: id,
        from,
        to,
        actor: viewer.actor.id.clone(),
        at_ms: services.now().0,
    };
    match services.store().claim_approval(claim).await? {
        HandOutcome::Done(row) => {
            services.notices().publish(vec![Notice::told(viewer.organization, row.execution_id)]);
            Ok(*row)
        }
        HandOutcome::Closed(row) => Err(refusal(services, viewer, &row, closed(&row)).await?),
        HandOutcome::Moved(row) => Err(taken(&row)),
        HandOutcome::Unknown => Err(unknown(id)),
    }
}

fn taken(row: &ApprovalRow) -> ServiceError {
    let holder = row.claimed_by.as_deref().unwrap_or("nobody");
    let message = format!("{holder} works on approval {}", row.id);
    let mistake = Mistake::new(Code::Conflict, "id", message);
    ServiceError::mistake(
        mistake.with_help("It can be decided all the same; a claim only tells that somebody is at it."),
    )
}
