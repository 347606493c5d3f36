//! People who are away, and in whose place others decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use ids::{OrganizationId, UserId};
use store::SubstitutionFilter;

use super::standing::names;
use crate::error::ServiceError;
use crate::identity::grants;
use crate::services::Services;
use crate::viewer::Permission;

/// People for whom one person stands in at most.
const MOST: u64 = 100;

/// Somebody who is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absent {
    /// The person.
    pub person: String,
    /// `role:NAME`, `user:ID` and `user:ADDRESS` of theirs.
    pub assignees: BTreeSet<String>,
    /// Workflow folders that they are limited to; everywhere when absent.
    pub folders: Option<Arc<[String]>>,
}

/// For whom `substitute` stands in at this moment. Whoever may not decide any more has no place to stand in for.
pub(super) async fn of(
    services: &Services,
    organization: OrganizationId,
    substitute: UserId,
) -> Result<Vec<Absent>, ServiceError> {
    let now_ms = services.now().0;
    let filter = SubstitutionFilter {
        user: None,
        substitute: Some(substitute),
        begun_at_ms: Some(now_ms),
        not_over_at_ms: now_ms,
    };
    let rows = services.store().substitutions(organization, filter, MOST).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
    let accounts = services.store().users_by_ids(&users).await?;
    let mut found = Vec::new();
    for row in rows {
        let Some(grant) = grants::of_member(services, organization, row.user_id).await? else { continue };
        if !grant.permissions.contains(Permission::ApprovalDecide) {
            continue;
        }
        let account = accounts.iter().find(|account| account.id == row.user_id);
        let mut assignees = names(row.user_id, account);
        assignees.insert(format!("role:{}", grant.role_name));
        found.push(Absent { person: row.user_id.to_string(), assignees, folders: grant.folders });
    }
    Ok(found)
}
