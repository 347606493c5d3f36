//! Other people are asked: somebody hands an approval over, or an administrator changes who may decide.

use async_recursion::async_recursion as boxed;
use ids::{ApprovalId, OrganizationId, RoleId, UserId};
use queue::Notice;
use serde_json::json;
use store::{ApprovalRow, DelegationRow, HandOutcome, HandOver, HandedTo};

use super::decide::{closed, refusal, unknown};
use super::read::within_reach;
use super::standing::{Asked, Voice, Who, asked};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::{BuiltInRole, folders, grants};
use crate::permission::Permissions;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest reason, in characters.
const MAX_REASON: usize = 1_000;
/// Most people and roles that are asked.
const MAX_ASSIGNEES: usize = 100;
/// How often one approval is handed over at most.
const MAX_HAND_OVERS: usize = 20;

/// Somebody who may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// A member.
    User(UserId),
    /// Whoever holds a role.
    Role(RoleId),
}

/// Lets somebody else decide what the viewer may decide, in their place: they may not any more, unless it comes back.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; all reasons for which the viewer may not decide; `INVALID`, `OWN_REQUEST` and `CONFLICT`
/// for somebody who could not decide it; the database away.
#[boxed]
pub async fn delegate(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    to: UserId,
    reason: Option<String>,
) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalDecide)?;
    check_reason(reason.as_deref())?;
    let who = Who::of(services, viewer).await?;
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    let known = who.asked_of(services, &row).await?;
    let voice = match who.voice(&row, &known, services.now().0) {
        Ok(Voice::Own) => who.person.clone(),
        Ok(Voice::Delegated(voice)) => voice,
        Ok(Voice::Substitute(absent)) => {
            let message = format!("you stand in for {absent}, who alone hands it over");
            let mistake = Mistake::new(Code::NotAssignee, "id", message);
            return Err(ServiceError::mistake(mistake.with_help("Decide it, or leave it.")));
        }
        Err(hindrance) => return Err(refusal(services, viewer, &row, hindrance).await?),
    };
    if known.hand_overs >= MAX_HAND_OVERS {
        let message = format!("approval {id} was handed over {MAX_HAND_OVERS} times, which is the most");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "id", message)));
    }
    check_delegate(services, viewer, &row, &known, &who.person, to).await?;
    let (to, from) = (to.to_string(), who.person.clone());
    let noted = Change::of("approval", id, row.step_path.clone()).named("approval.delegated");
    viewer.origin.trail.note(noted.after(json!({ "from": from, "to": to })).because(reason.clone()));
    let change = HandOver {
        organization_id: viewer.organization,
        approval_id: id,
        revision: row.revision,
        actor: viewer.actor.id.clone(),
        to: HandedTo::Person { from, names: who.names(), voice, to },
        reason,
        at_ms: services.now().0,
    };
    write(services, viewer, change).await
}

/// Says anew who may decide an open approval, whoever was asked before.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND` for the approval, a member or a role; `CONFLICT` and `WRONG_STATE` when it is closed;
/// `INVALID` for those who could not decide it; the database away.
#[boxed]
pub async fn reassign(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    to: &[Assignee],
    reason: String,
) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalAdmin)?;
    check_reason(Some(&reason))?;
    if reason.trim().is_empty() {
        let mistake = Mistake::new(Code::Required, "reason", "whoever changes who decides says why");
        return Err(ServiceError::mistake(mistake));
    }
    if to.is_empty() || to.len() > MAX_ASSIGNEES {
        let message = format!("1 to {MAX_ASSIGNEES} people or roles are asked, not {}", to.len());
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "assigneeIds", message)));
    }
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    if !row.is_open(services.now().0) {
        return Err(refusal(services, viewer, &row, closed(&row)).await?);
    }
    let known = asked(services, viewer.organization, std::slice::from_ref(&row)).await?;
    let requester = known.into_values().next().unwrap_or_default().requester;
    let assignees = assignees(services, viewer.organization, to, &row, &requester).await?;
    let noted = Change::of("approval", id, row.step_path.clone()).named("approval.reassigned");
    viewer.origin.trail.note(noted.after(json!({ "to": assignees })).because(Some(reason.clone())));
    let change = HandOver {
        organization_id: viewer.organization,
        approval_id: id,
        revision: row.revision,
        actor: viewer.actor.id.clone(),
        to: HandedTo::Anew(assignees),
        reason: Some(reason),
        at_ms: services.now().0,
    };
    write(services, viewer, change).await
}

/// Hand-overs of several approvals, in order.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn delegations(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<Vec<DelegationRow>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let most = (ids.len() * MAX_HAND_OVERS) as u64;
    Ok(services.store().approval_delegations(viewer.organization, ids, most).await?)
}

async fn write(services: &Services, viewer: &Viewer, change: HandOver) -> Result<ApprovalRow, ServiceError> {
    let id = change.approval_id;
    match services.store().hand_over_approval(change).await? {
        HandOutcome::Done(row) => {
            services.notices().publish(vec![Notice::told(viewer.organization, row.execution_id)]);
            Ok(*row)
        }
        HandOutcome::Closed(row) => Err(refusal(services, viewer, &row, closed(&row)).await?),
        HandOutcome::Moved(_row) => {
            let message = format!("who may decide approval {id} was changed meanwhile");
            let mistake = Mistake::new(Code::Conflict, "id", message);
            Err(ServiceError::mistake(mistake.with_help("Look at it again, then hand it over.")))
        }
        HandOutcome::Unknown => Err(unknown(id)),
    }
}

fn check_reason(reason: Option<&str>) -> Result<(), ServiceError> {
    let is_fine = reason.is_none_or(|reason| reason.chars().count() <= MAX_REASON && !reason.contains('\0'));
    if is_fine {
        return Ok(());
    }
    let message = format!("a reason has at most {MAX_REASON} characters, none of them NUL");
    Err(ServiceError::mistake(Mistake::new(Code::Invalid, "reason", message)))
}

/// Only to somebody who could decide it: a hand-over must not be a way around who may.
async fn check_delegate(
    services: &Services,
    viewer: &Viewer,
    row: &ApprovalRow,
    known: &Asked,
    from: &str,
    to: UserId,
) -> Result<(), ServiceError> {
    let mistake = |code, message: String| Err(ServiceError::mistake(Mistake::new(code, "toUserId", message)));
    let person = to.to_string();
    if person == from {
        return mistake(Code::Invalid, "you have it already".to_owned());
    }
    if let Some((code, message)) = hindrance_of(services, viewer.organization, row, to).await? {
        return mistake(code, message);
    }
    // Whatever the workflow allows: nobody gets a say about their own request from somebody else.
    if known.requester == person {
        return mistake(Code::OwnRequest, format!("{to} started what the approval is about"));
    }
    if known.decided.contains(&person) {
        return mistake(Code::Conflict, format!("{to} has decided it already, and counts once"));
    }
    Ok(())
}

/// Why a member could not decide approvals of this workflow; none when they could.
async fn hindrance_of(
    services: &Services,
    organization: OrganizationId,
    row: &ApprovalRow,
    user: UserId,
) -> Result<Option<(Code, String)>, ServiceError> {
    let Some(grant) = grants::of_member(services, organization, user).await? else {
        return Ok(Some((Code::NotFound, format!("there is no member {user}"))));
    };
    if !grant.permissions.contains(Permission::ApprovalDecide) {
        return Ok(Some((Code::Invalid, format!("{user} lacks the permission APPROVAL_DECIDE"))));
    }
    if grant.folders.is_some() {
        let workflow = services.store().workflow(organization, row.workflow_id).await?;
        let folder = workflow.map(|workflow| workflow.namespace).unwrap_or_default();
        if !folders::reaches(grant.folders.as_deref(), &folder) {
            return Ok(Some((Code::Invalid, format!("{user} does not reach the workflow of this approval"))));
        }
    }
    let account = services.store().users_by_ids(&[user]).await?.pop();
    let is_person = account.is_some_and(|account| !account.is_service);
    Ok((!is_person).then(|| (Code::Invalid, format!("{user} is a service account, and people decide approvals"))))
}

/// `role:NAME` and `user:ID` of each.
async fn assignees(
    services: &Services,
    organization: OrganizationId,
    to: &[Assignee],
    row: &ApprovalRow,
    requester: &str,
) -> Result<Vec<String>, ServiceError> {
    let own = services.store().roles(organization).await?;
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for (index, one) in to.iter().enumerate() {
        let checked = match one {
            Assignee::Role(id) => {
                let built_in = BuiltInRole::by_id(*id).map(|role| (role.name().to_owned(), role.permissions()));
                let made = own.iter().find(|role| role.id == *id);
                let made = made.map(|role| (role.name.clone(), Permissions::from_json(&role.permissions)));
                match built_in.or(made) {
                    None => Err((Code::NotFound, format!("there is no role {id}"))),
                    Some((name, permissions)) if permissions.contains(Permission::ApprovalDecide) => {
                        Ok(format!("role:{name}"))
                    }
                    Some((name, _permissions)) => {
                        Err((Code::Invalid, format!("the role {name} lacks the permission APPROVAL_DECIDE")))
                    }
                }
            }
            Assignee::User(id) if id.to_string() == requester && !row.allow_self => {
                Err((Code::OwnRequest, format!("{id} started what the approval is about")))
            }
            Assignee::User(id) => match hindrance_of(services, organization, row, *id).await? {
                Some(hindrance) => Err(hindrance),
                None => Ok(format!("user:{id}")),
            },
        };
        match checked {
            Ok(name) => found.push(name),
            Err((code, message)) => mistakes.push(Mistake::new(code, &format!("assigneeIds.{index}"), message)),
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(ServiceError::Mistakes(mistakes)) }
}
