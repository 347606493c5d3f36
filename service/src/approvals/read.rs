//! Reads approvals and pages of them.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;

use ids::ApprovalId;
use store::{
    ApprovalEventRow, ApprovalFilter, ApprovalOrder, ApprovalRow, DecisionRow, Page, PageRequest, WorkflowFilter,
};

use super::standing::Who;
use crate::error::ServiceError;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Rows of what belongs to a page of approvals that are read at most.
const MANY: u64 = 10_000;

/// Which of the approvals are the viewer's business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Those that the viewer may decide now.
    pub is_assigned: bool,
    /// Those that the viewer asked for.
    pub is_requested: bool,
}

/// One approval; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn approval(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
) -> Result<Option<ApprovalRow>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    within_reach(services, viewer, id).await
}

/// The approval, if its workflow is within reach.
pub(super) async fn within_reach(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
) -> Result<Option<ApprovalRow>, ServiceError> {
    match services.store().approval(viewer.organization, id).await? {
        Some(row) if reach::workflow(services, viewer, row.workflow_id).await? => Ok(Some(row)),
        _none_or_beyond => Ok(None),
    }
}

/// Several approvals, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn approvals_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<Vec<ApprovalRow>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let rows = services.store().approvals_by_ids(viewer.organization, ids).await?;
    if viewer.folders.is_none() {
        return Ok(rows);
    }
    let workflows: Vec<_> = rows.iter().map(|row| row.workflow_id).collect();
    let reached = services.store().workflows_by_ids(viewer.organization, &workflows).await?;
    let reached: Vec<_> = reached.iter().filter(|row| reach::has(viewer, row)).map(|row| row.id).collect();
    Ok(rows.into_iter().filter(|row| reached.contains(&row.workflow_id)).collect())
}

/// The filter, within reach and for the viewer.
pub(super) async fn resolve(
    services: &Services,
    viewer: &Viewer,
    filter: &ApprovalFilter,
    inbox: Inbox,
) -> Result<ApprovalFilter, ServiceError> {
    let folders = reach::of_workflows(viewer, &WorkflowFilter::default()).folders.clone();
    let mut filter = ApprovalFilter { folders, ..filter.clone() };
    if inbox.is_assigned {
        filter.decidable = Some(Who::of(services, viewer).await?.decider(services.now().0));
    }
    if inbox.is_requested {
        filter.requester = Some(viewer.actor.id.clone());
    }
    Ok(filter)
}

/// A page of the approvals that fit.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &ApprovalFilter,
    inbox: Inbox,
    order: ApprovalOrder,
    request: &PageRequest,
) -> Result<Page<ApprovalRow>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let filter = resolve(services, viewer, filter, inbox).await?;
    Ok(services.store().approvals(viewer.organization, &filter, order, request).await?)
}

/// How many approvals fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(
    services: &Services,
    viewer: &Viewer,
    filter: &ApprovalFilter,
    inbox: Inbox,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let filter = resolve(services, viewer, filter, inbox).await?;
    Ok(services.store().count_approvals(viewer.organization, &filter).await?)
}

/// How many approvals wait for the viewer, counted up to 10,000: none for whoever may not decide any.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn pending_count(services: &Services, viewer: &Viewer) -> Result<u64, ServiceError> {
    let may = [Permission::ApprovalRead, Permission::ApprovalDecide];
    if !may.into_iter().all(|permission| viewer.permissions.contains(permission)) {
        return Ok(0);
    }
    let inbox = Inbox { is_assigned: true, is_requested: false };
    Ok(count(services, viewer, &ApprovalFilter::default(), inbox).await?.0)
}

/// Roles and people who may decide each of several approvals, as they are named. Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn roles_and_users(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<HashMap<ApprovalId, (Vec<String>, Vec<String>)>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let mut found: HashMap<ApprovalId, (Vec<String>, Vec<String>)> = HashMap::new();
    for (id, assignee) in services.store().approval_assignees(viewer.organization, ids).await? {
        let (roles, users) = found.entry(id).or_default();
        match assignee.split_once(':') {
            Some(("role", name)) => roles.push(name.to_owned()),
            Some((_user, name)) => users.push(name.to_owned()),
            None => {}
        }
    }
    Ok(found)
}

/// What people decided about each of several approvals, in order. Those about which nobody did are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn decisions(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<HashMap<ApprovalId, Vec<DecisionRow>>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let mut found: HashMap<ApprovalId, Vec<DecisionRow>> = HashMap::new();
    for row in services.store().approval_decisions(viewer.organization, ids, MANY).await? {
        found.entry(row.approval_id).or_default().push(row);
    }
    Ok(found)
}

/// What happened to each of several approvals, oldest first. Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn events(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<HashMap<ApprovalId, Vec<ApprovalEventRow>>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let mut found: HashMap<ApprovalId, Vec<ApprovalEventRow>> = HashMap::new();
    for row in services.store().approval_events(viewer.organization, ids, MANY).await? {
        found.entry(row.approval_id).or_default().push(row);
    }
    Ok(found)
}
