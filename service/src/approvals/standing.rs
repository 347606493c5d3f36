//! Who may decide an approval: holders of the roles that it asks and people whom it names, but not whoever started
//! the execution.

use std::collections::{BTreeSet, HashMap};

use ids::{ApiKeyId, ApprovalId};
use store::{ApprovalRow, ApprovalStatus, Decider};

use crate::code::Code;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{ActorKind, Credential, Permission, Viewer};

/// Decisions that are read of a page of approvals at most.
const MANY: u64 = 10_000;

/// Why somebody may not decide an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// Neither named nor a holder of a role that is asked.
    NotAssignee,
    /// Started the execution.
    OwnRequest,
    /// People have settled it.
    Decided,
    /// It expired or was withdrawn.
    Closed,
    /// Has decided, and others have to.
    DecidedBefore,
}

impl Hindrance {
    /// The code of it.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotAssignee => Code::NotAssignee,
            Self::OwnRequest => Code::OwnRequest,
            Self::Decided | Self::DecidedBefore => Code::Conflict,
            Self::Closed => Code::WrongState,
        }
    }
}

/// A viewer, as approvals see them.
pub(super) struct Who<'a> {
    viewer: &'a Viewer,
    /// `role:NAME`, `user:ID` and `user:ADDRESS`; everything when absent.
    assignees: Option<BTreeSet<String>>,
    /// The person behind the viewer: one decision each, whatever it comes with.
    pub person: String,
}

/// What has to be known of an approval to tell who may decide it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    assignees: Vec<String>,
    /// The person who started the execution.
    requester: String,
    /// People who have decided.
    decided: Vec<String>,
}

impl<'a> Who<'a> {
    pub(super) async fn of(services: &Services, viewer: &'a Viewer) -> Result<Self, ServiceError> {
        let person = viewer.user().map_or_else(|| viewer.actor.id.clone(), |user| user.to_string());
        if viewer.credential == Credential::Unguarded {
            // Nobody signs in there, so nobody can be told apart: whoever reaches the server decides.
            return Ok(Self { viewer, assignees: None, person });
        }
        let mut assignees: BTreeSet<String> = viewer.roles.iter().map(|role| format!("role:{role}")).collect();
        if let Some(user) = viewer.user() {
            assignees.insert(format!("user:{user}"));
            // An address that nobody has confirmed may be anybody's.
            let account = services.store().users_by_ids(&[user]).await?.pop();
            let confirmed = account.filter(|account| account.email_verified_at_ms.is_some());
            let address = confirmed.and_then(|account| account.email);
            assignees.extend(address.map(|address| format!("user:{}", address.to_lowercase())));
        }
        Ok(Self { viewer, assignees: Some(assignees), person })
    }

    /// For the list of what they may decide.
    pub(super) fn decider(&self, now_ms: i64) -> Decider {
        let own = BTreeSet::from([self.person.clone(), self.viewer.actor.id.clone()]);
        Decider {
            assignees: self.assignees.as_ref().map(|assignees| assignees.iter().cloned().collect()),
            person: self.person.clone(),
            own: own.into_iter().collect(),
            now_ms,
        }
    }

    /// Whether they may decide.
    pub(super) fn judge(&self, row: &ApprovalRow, asked: &Asked, now_ms: i64) -> Result<(), Hindrance> {
        if matches!(row.status, ApprovalStatus::Approved | ApprovalStatus::Rejected) {
            return Err(Hindrance::Decided);
        }
        if !row.is_open(now_ms) {
            return Err(Hindrance::Closed);
        }
        let may = self.viewer.permissions.contains(Permission::ApprovalDecide);
        let is_asked =
            self.assignees.as_ref().is_none_or(|own| asked.assignees.iter().any(|assignee| own.contains(assignee)));
        if !may || !is_asked {
            return Err(Hindrance::NotAssignee);
        }
        let is_own = asked.requester == self.person || row.requester == self.viewer.actor.id;
        // An agent never decides what it asked for itself, whatever the workflow says.
        let is_allowed = row.allow_self && self.viewer.actor.kind != ActorKind::Agent;
        if is_own && !is_allowed && self.assignees.is_some() {
            return Err(Hindrance::OwnRequest);
        }
        if asked.decided.contains(&self.person) {
            return Err(Hindrance::DecidedBefore);
        }
        Ok(())
    }
}

/// What is to be known of each of `rows`, in three queries at most.
pub(super) async fn asked(
    services: &Services,
    viewer: &Viewer,
    rows: &[ApprovalRow],
) -> Result<HashMap<ApprovalId, Asked>, ServiceError> {
    let (store, organization) = (services.store(), viewer.organization);
    let ids: Vec<ApprovalId> = rows.iter().map(|row| row.id).collect();
    let keys: Vec<ApiKeyId> = rows.iter().filter_map(|row| row.requester.parse().ok()).collect();
    let behind: HashMap<String, String> = store
        .api_keys_by_ids(organization, &keys)
        .await?
        .into_iter()
        .map(|key| (key.id.to_string(), key.on_behalf_of.to_string()))
        .collect();
    let mut known: HashMap<ApprovalId, Asked> = rows
        .iter()
        .map(|row| {
            let requester = behind.get(&row.requester).unwrap_or(&row.requester).clone();
            (row.id, Asked { requester, ..Asked::default() })
        })
        .collect();
    for (id, assignee) in store.approval_assignees(organization, &ids).await? {
        known.entry(id).or_default().assignees.push(assignee);
    }
    for decision in store.approval_decisions(organization, &ids, MANY).await? {
        known.entry(decision.approval_id).or_default().decided.push(decision.person);
    }
    Ok(known)
}

/// Whether the viewer may decide each of several approvals, and why not. Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn standings(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<HashMap<ApprovalId, Result<(), Hindrance>>, ServiceError> {
    let rows = super::approvals_by_ids(services, viewer, ids).await?;
    let who = Who::of(services, viewer).await?;
    let asked = asked(services, viewer, &rows).await?;
    let now_ms = services.now().0;
    let nothing = Asked::default();
    Ok(rows.iter().map(|row| (row.id, who.judge(row, asked.get(&row.id).unwrap_or(&nothing), now_ms))).collect())
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
