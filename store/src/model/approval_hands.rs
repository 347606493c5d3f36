//! Approvals that change hands: claims, hand-overs, substitutions, reminders, and links that decide once.

use std::fmt;

use ids::{ApprovalId, OrganizationId, SubstitutionId, UserId};

use super::approval::ApprovalRow;

/// Others are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Which approval.
    pub approval_id: ApprovalId,
    /// Its revision when it was judged whether they may.
    pub revision: i32,
    /// Who hands it over, and what they do it with.
    pub actor: String,
    /// What becomes of who was asked before.
    pub to: HandedTo,
    /// Why.
    pub reason: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Who is asked from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedTo {
    /// One person in place of another.
    Person {
        /// Who hands it over.
        from: String,
        /// How that person was asked by name.
        names: Vec<String>,
        /// Whose voice it is: who handed it over first.
        voice: String,
        /// Who decides it now.
        to: String,
    },
    /// These alone, as `role:NAME` or `user:ID`, whoever was asked before and whoever handed it over.
    Anew(Vec<String>),
}

/// What came of changing something about an open approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOutcome {
    /// It is done; the approval now.
    Done(Box<ApprovalRow>),
    /// It was closed before.
    Closed(Box<ApprovalRow>),
    /// Somebody else was first, or who may decide has changed since it was judged.
    Moved(Box<ApprovalRow>),
    /// There is no such approval.
    Unknown,
}

/// Who handed an approval over to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationRow {
    /// Which approval.
    pub approval_id: ApprovalId,
    /// From 1, in order.
    pub number: i32,
    /// Who handed it over.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Whose voice it is: who handed it over first.
    pub voice: String,
    /// Why.
    pub reason: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Whether it still counts: it did not come back, and nobody else was asked since.
    pub is_in_force: bool,
}

/// Somebody takes an approval on, or gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimApproval {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Which approval.
    pub approval_id: ApprovalId,
    /// Who has it now; nobody when it must be free or theirs.
    pub from: Option<String>,
    /// Who has it from now on.
    pub to: Option<String>,
    /// Who does that.
    pub actor: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// People are reminded by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemindApproval {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Which approval.
    pub approval_id: ApprovalId,
    /// Who reminds.
    pub actor: String,
    /// Not again if somebody did after this, Unix milliseconds.
    pub not_since_ms: i64,
    /// What they are sent, to decide with.
    pub links: Vec<LinkRow>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// A link by which one person decides one approval once.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Digest of its token.
    pub token_hash: String,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Which approval.
    pub approval_id: ApprovalId,
    /// Whom it was sent to.
    pub user_id: UserId,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// Until when it counts, Unix milliseconds.
    pub expires_at_ms: i64,
    /// When it decided something, Unix milliseconds.
    pub used_at_ms: Option<i64>,
}

impl fmt::Debug for LinkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LinkRow");
        shown.field("approval_id", &self.approval_id).field("user_id", &self.user_id);
        shown.field("used_at_ms", &self.used_at_ms).finish_non_exhaustive()
    }
}

/// Somebody stands in for somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubstitutionRow {
    /// Its id.
    pub id: SubstitutionId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Who is away.
    pub user_id: UserId,
    /// Who stands in.
    pub substitute_id: UserId,
    /// From when, Unix milliseconds.
    pub starts_at_ms: i64,
    /// Until when, left out, Unix milliseconds.
    pub ends_at_ms: i64,
    /// Who set it.
    pub created_by: String,
    /// When it was set, Unix milliseconds.
    pub created_at_ms: i64,
}

/// Which substitutions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubstitutionFilter {
    /// Of somebody who is away.
    pub user: Option<UserId>,
    /// By somebody who stands in.
    pub substitute: Option<UserId>,
    /// That have begun at this moment, Unix milliseconds.
    pub begun_at_ms: Option<i64>,
    /// That have not ended at this moment, Unix milliseconds.
    pub not_over_at_ms: i64,
}
