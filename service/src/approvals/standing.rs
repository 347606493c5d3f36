//! Who may decide an approval: holders of the roles that it asks, people whom it names, and whoever stands in for one
//! of them, but neither whoever started the execution nor whoever handed it over.

use async_recursion::async_recursion as boxed;
use std::collections::{BTreeSet, HashMap};

use ids::{ApiKeyId, ApprovalId, OrganizationId, UserId, WorkflowId};
use store::{ApprovalRow, ApprovalStatus, Decider, StandsFor, UserRow};

use super::absent::{self, Absent};
use crate::code::Code;
use crate::error::ServiceError;
use crate::identity::folders;
use crate::services::Services;
use crate::viewer::{ActorKind, Credential, Permission, Viewer};

/// Decisions that are read of a page of approvals at most.
const MANY: u64 = 10_000;

/// Why somebody may not decide an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// Neither named nor a holder of a role that is asked.
    NotAssignee,
    /// Handed it over to somebody else.
    HandedOver,
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
            Self::NotAssignee | Self::HandedOver => Code::NotAssignee,
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
    /// For whom they stand in.
    absent: Vec<Absent>,
}

/// Whose voice a decision is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Voice {
    /// Their own.
    Own,
    /// Of whoever handed it over to them, or to whoever handed it over to them.
    Delegated(String),
    /// Of somebody who is away.
    Substitute(String),
}

impl Voice {
    /// The person whose voice it is, where it is not their own.
    pub fn on_behalf_of(&self) -> Option<&str> {
        match self {
            Self::Own => None,
            Self::Delegated(person) | Self::Substitute(person) => Some(person),
        }
    }
}

/// What has to be known of an approval to tell who may decide it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    assignees: Vec<String>,
    /// The person who started the execution.
    pub requester: String,
    /// People who have decided, and those for whom somebody has.
    pub decided: Vec<String>,
    /// Who handed it over to whom, as far as it counts, and whose voice it was.
    handed: Vec<(String, String, String)>,
    /// How often it was handed over.
    pub hand_overs: usize,
    /// The folder of its workflow, where it was asked for.
    pub folder: Option<String>,
}

impl Asked {
    fn was_handed_over_by(&self, person: &str) -> bool {
        self.handed.iter().any(|(from, _to, _voice)| from == person)
    }

    fn asks_any_of(&self, names: &BTreeSet<String>) -> bool {
        self.assignees.iter().any(|assignee| names.contains(assignee))
    }
}

impl<'a> Who<'a> {
    pub(super) async fn of(services: &Services, viewer: &'a Viewer) -> Result<Self, ServiceError> {
        let person = viewer.user().map_or_else(|| viewer.actor.id.clone(), |user| user.to_string());
        if viewer.credential == Credential::Unguarded {
            // Nobody signs in there, so nobody can be told apart: whoever reaches the server decides.
            return Ok(Self { viewer, assignees: None, person, absent: Vec::new() });
        }
        let mut assignees: BTreeSet<String> = viewer.roles.iter().map(|role| format!("role:{role}")).collect();
        let mut absent = Vec::new();
        if let Some(user) = viewer.user() {
            let account = services.store().users_by_ids(&[user]).await?.pop();
            assignees.extend(names(user, account.as_ref()));
            absent = absent::of(services, viewer.organization, user).await?;
        }
        Ok(Self { viewer, assignees: Some(assignees), person, absent })
    }

    /// For the list of what they may decide.
    pub(super) fn decider(&self, now_ms: i64) -> Decider {
        let own = BTreeSet::from([self.person.clone(), self.viewer.actor.id.clone()]);
        let stands_for = self.absent.iter().map(|absent| StandsFor {
            person: absent.person.clone(),
            assignees: absent.assignees.iter().cloned().collect(),
            folders: absent.folders.as_deref().map(<[String]>::to_vec),
        });
        Decider {
            assignees: self.assignees.as_ref().map(|assignees| assignees.iter().cloned().collect()),
            person: self.person.clone(),
            own: own.into_iter().collect(),
            stands_for: stands_for.collect(),
            now_ms,
        }
    }

    /// How they are asked by name.
    pub(super) fn names(&self) -> Vec<String> {
        let assignees = self.assignees.iter().flatten();
        assignees.filter(|assignee| assignee.starts_with("user:")).cloned().collect()
    }

    /// Whether they may decide.
    pub(super) fn judge(&self, row: &ApprovalRow, asked: &Asked, now_ms: i64) -> Result<(), Hindrance> {
        self.voice(row, asked, now_ms).map(|_voice| ())
    }

    /// Whose voice it is when they decide, if they may.
    pub(super) fn voice(&self, row: &ApprovalRow, asked: &Asked, now_ms: i64) -> Result<Voice, Hindrance> {
        if matches!(row.status, ApprovalStatus::Approved | ApprovalStatus::Rejected) {
            return Err(Hindrance::Decided);
        }
        if !row.is_open(now_ms) {
            return Err(Hindrance::Closed);
        }
        if !self.viewer.permissions.contains(Permission::ApprovalDecide) {
            return Err(Hindrance::NotAssignee);
        }
        let own = self.own_voice(row, asked);
        if own.is_ok() {
            return own;
        }
        let may_stand_in = self.assignees.is_some()
            && !asked.decided.contains(&self.person)
            && (self.may_decide_own(row) || !self.is_own(row, asked));
        let absent = self.absent.iter().filter(|_absent| may_stand_in).find(|absent| {
            asked.asks_any_of(&absent.assignees)
                && !asked.was_handed_over_by(&absent.person)
                && !asked.decided.contains(&absent.person)
                && (self.may_decide_own(row) || asked.requester != absent.person)
                && folders::reaches(absent.folders.as_deref(), asked.folder.as_deref().unwrap_or_default())
        });
        absent.map_or(own, |absent| Ok(Voice::Substitute(absent.person.clone())))
    }

    /// What they decide for themselves, or for whoever handed it over to them.
    fn own_voice(&self, row: &ApprovalRow, asked: &Asked) -> Result<Voice, Hindrance> {
        if let Some(own) = &self.assignees {
            if !asked.asks_any_of(own) {
                return Err(Hindrance::NotAssignee);
            }
            if asked.was_handed_over_by(&self.person) {
                return Err(Hindrance::HandedOver);
            }
            if self.is_own(row, asked) && !self.may_decide_own(row) {
                return Err(Hindrance::OwnRequest);
            }
        }
        if asked.decided.contains(&self.person) {
            return Err(Hindrance::DecidedBefore);
        }
        let by_role = self.assignees.iter().flatten().filter(|own| own.starts_with("role:"));
        let is_asked_by_role = by_role.clone().any(|role| asked.assignees.contains(role));
        let received = asked.handed.iter().rfind(|(_from, to, _voice)| *to == self.person && !is_asked_by_role);
        Ok(received.map_or(Voice::Own, |(_from, _to, voice)| Voice::Delegated(voice.clone())))
    }

    fn is_own(&self, row: &ApprovalRow, asked: &Asked) -> bool {
        asked.requester == self.person || row.requester == self.viewer.actor.id
    }

    /// An agent never decides what it asked for itself, whatever the workflow says.
    fn may_decide_own(&self, row: &ApprovalRow) -> bool {
        row.allow_self && self.viewer.actor.kind != ActorKind::Agent
    }

    /// What is to be known of each of `rows`, in a handful of queries.
    pub(super) async fn asked(
        &self,
        services: &Services,
        rows: &[ApprovalRow],
    ) -> Result<HashMap<ApprovalId, Asked>, ServiceError> {
        let organization = self.viewer.organization;
        let mut known = asked(services, organization, rows).await?;
        if self.absent.iter().any(|absent| absent.folders.is_some()) {
            find_folders(services, organization, rows, &mut known).await?;
        }
        Ok(known)
    }

    /// What is to be known of one approval.
    pub(super) async fn asked_of(&self, services: &Services, row: &ApprovalRow) -> Result<Asked, ServiceError> {
        let known = self.asked(services, std::slice::from_ref(row)).await?;
        Ok(known.into_values().next().unwrap_or_default())
    }
}

/// `user:ID`, and `user:ADDRESS` once the address is confirmed: until then it may be anybody's.
pub(super) fn names(user: UserId, account: Option<&UserRow>) -> BTreeSet<String> {
    let confirmed = account.filter(|account| account.email_verified_at_ms.is_some());
    let address = confirmed.and_then(|account| account.email.as_ref());
    let address = address.map(|address| format!("user:{}", address.to_lowercase()));
    std::iter::once(format!("user:{user}")).chain(address).collect()
}

/// What is to be known of each of `rows`, but for the folders of their workflows.
pub(super) async fn asked(
    services: &Services,
    organization: OrganizationId,
    rows: &[ApprovalRow],
) -> Result<HashMap<ApprovalId, Asked>, ServiceError> {
    let store = services.store();
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
        let decided = &mut known.entry(decision.approval_id).or_default().decided;
        decided.push(decision.person);
        decided.extend(decision.on_behalf_of);
    }
    for handed in store.approval_delegations(organization, &ids, MANY).await? {
        let asked = known.entry(handed.approval_id).or_default();
        asked.hand_overs += 1;
        if handed.is_in_force {
            asked.handed.push((handed.from, handed.to, handed.voice));
        }
    }
    Ok(known)
}

async fn find_folders(
    services: &Services,
    organization: OrganizationId,
    rows: &[ApprovalRow],
    known: &mut HashMap<ApprovalId, Asked>,
) -> Result<(), ServiceError> {
    let ids: Vec<WorkflowId> = rows.iter().map(|row| row.workflow_id).collect();
    let workflows = services.store().workflows_by_ids(organization, &ids).await?;
    let folders: HashMap<WorkflowId, String> = workflows.into_iter().map(|row| (row.id, row.namespace)).collect();
    for row in rows {
        known.entry(row.id).or_default().folder = folders.get(&row.workflow_id).cloned();
    }
    Ok(())
}

/// Whether the viewer may decide each of several approvals, and why not. Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn standings(
    services: &Services,
    viewer: &Viewer,
    ids: &[ApprovalId],
) -> Result<HashMap<ApprovalId, Result<(), Hindrance>>, ServiceError> {
    let rows = super::approvals_by_ids(services, viewer, ids).await?;
    let who = Who::of(services, viewer).await?;
    let asked = who.asked(services, &rows).await?;
    let now_ms = services.now().0;
    let nothing = Asked::default();
    Ok(rows.iter().map(|row| (row.id, who.judge(row, asked.get(&row.id).unwrap_or(&nothing), now_ms))).collect())
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
