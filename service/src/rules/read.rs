//! Reads rules, and where they are used.

use async_recursion::async_recursion as boxed;
use ids::RuleId;
use store::{Page, PageRequest, RuleFilter, RuleRow, RuleUseRow};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Several rules, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(services: &Services, viewer: &Viewer, ids: &[RuleId]) -> Result<Vec<RuleRow>, ServiceError> {
    viewer.require(Permission::RuleRead)?;
    Ok(services.store().rules_by_ids(viewer.organization, ids).await?)
}

/// The rule that is to be changed or tried.
pub(super) async fn one(services: &Services, viewer: &Viewer, id: RuleId) -> Result<RuleRow, ServiceError> {
    services.store().rules_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))
}

pub(super) fn unknown(id: RuleId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no rule `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `rules`."))
}

/// A page of the rules that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &RuleFilter,
    request: &PageRequest,
) -> Result<Page<RuleRow>, ServiceError> {
    viewer.require(Permission::RuleRead)?;
    Ok(services.store().rules(viewer.organization, filter, request).await?)
}

/// How many rules fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &RuleFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::RuleRead)?;
    Ok(services.store().count_rules(viewer.organization, filter).await?)
}

/// Places of published versions within reach that name a rule, workflow by workflow, up to `limit`.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn uses(
    services: &Services,
    viewer: &Viewer,
    id: RuleId,
    limit: u64,
) -> Result<Vec<RuleUseRow>, ServiceError> {
    viewer.require(Permission::RuleRead)?;
    viewer.require(Permission::WorkflowRead)?;
    let mut uses = services.store().rule_uses(viewer.organization, id, limit).await?;
    if viewer.folders.is_some() {
        let mut workflows: Vec<_> = uses.iter().map(|used| used.workflow_id).collect();
        workflows.dedup();
        let within = crate::workflows::workflows_by_ids(services, viewer, &workflows).await?;
        uses.retain(|used| within.iter().any(|workflow| workflow.id == used.workflow_id));
    }
    Ok(uses)
}
