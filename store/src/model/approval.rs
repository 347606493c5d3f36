//! Approvals: what a checkpoint writes of them, what people decide, what is shown.

use ids::{ApprovalCommentId, ApprovalId, ExecutionId, OrganizationId, WorkflowId};
use serde::{Serialize, Serializer};

use super::change::ChangeCursor;
use super::code::UnknownCode;
use super::signal::Delivered;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApprovalStatus {
    /// Open.
    Pending = 0,
    /// Granted.
    Approved = 1,
    /// Refused.
    Rejected = 2,
    /// Nobody decided in time.
    Expired = 3,
    /// The execution ended, or went on without it.
    Cancelled = 4,
}

impl ApprovalStatus {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Rejected, Self::Expired, Self::Cancelled];

    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }
}

/// As the number in the database.
impl Serialize for ApprovalStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i16(self.code())
    }
}

impl TryFrom<i16> for ApprovalStatus {
    type Error = UnknownCode;

    fn try_from(code: i16) -> Result<Self, UnknownCode> {
        let known = Self::ALL.into_iter().find(|status| status.code() == code);
        known.ok_or(UnknownCode { what: "approval status", code })
    }
}

/// What a checkpoint writes of approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalWrites {
    /// Those that were opened.
    pub opened: Vec<NewApproval>,
    /// What changed of those that are open: one entry for each.
    pub changed: Vec<ApprovalChange>,
    /// What happened to them, beside being opened and closed.
    pub noted: Vec<ApprovalNote>,
    /// Whether all that the execution has open are withdrawn.
    pub withdraws_all: bool,
}

impl ApprovalWrites {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.changed.is_empty() && self.noted.is_empty() && !self.withdraws_all
    }
}

fn uuid_text<S: Serializer>(id: &ApprovalId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&id.uuid())
}

/// An approval that is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewApproval {
    /// Its id, the same whenever the journal is read.
    #[serde(serialize_with = "uuid_text")]
    pub id: ApprovalId,
    /// The step that asks.
    pub step_path: String,
    /// `Pending`, unless it came and went within one checkpoint.
    pub status: ApprovalStatus,
    /// What is asked, JSON.
    pub request: String,
    /// Sort of the thing it is about.
    pub entity: Option<String>,
    /// Which one.
    pub entity_id: Option<String>,
    /// How many have to approve.
    pub quorum: i32,
    /// Whether whoever started the execution may decide.
    pub allow_self: bool,
    /// When, Unix milliseconds.
    pub requested_at_ms: i64,
    /// When it closes by itself, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// The next reminder, Unix milliseconds.
    pub remind_at_ms: Option<i64>,
    /// When others are asked too, Unix milliseconds.
    pub escalate_at_ms: Option<i64>,
    /// The role that may decide too, when they were asked within the same checkpoint.
    pub escalated_role: Option<String>,
    /// Since when whoever may decide is owed a mail, Unix milliseconds; absent when none is set up.
    pub mail_at_ms: Option<i64>,
    /// `role:NAME`, `user:ID` or `user:ADDRESS`, each once.
    pub assignees: Vec<String>,
}

/// What changes of an open approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalChange {
    /// Which.
    #[serde(serialize_with = "uuid_text")]
    pub id: ApprovalId,
    /// `Expired` or `Cancelled`, when it is closed.
    pub status: Option<ApprovalStatus>,
    /// The role that may decide too from now on.
    pub escalated_role: Option<String>,
    /// The next reminder, Unix milliseconds.
    pub remind_at_ms: Option<i64>,
    /// When it is due from now on: what is absent there is due no more.
    pub times: Option<ApprovalTimes>,
    /// Since when whoever may decide is owed a mail again, Unix milliseconds; what was owed before stays when absent.
    pub mail_at_ms: Option<i64>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

impl ApprovalChange {
    /// Nothing of this approval changes yet.
    #[must_use]
    pub const fn of(id: ApprovalId, at_ms: i64) -> Self {
        Self { id, status: None, escalated_role: None, remind_at_ms: None, times: None, mail_at_ms: None, at_ms }
    }
}

/// When something happens to an approval by itself, Unix milliseconds; nothing of it while that stands still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalTimes {
    /// It closes.
    pub expires_at_ms: Option<i64>,
    /// People are reminded.
    pub remind_at_ms: Option<i64>,
    /// Others are asked too.
    pub escalate_at_ms: Option<i64>,
}

/// Something that happened to an approval by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalNote {
    /// Which.
    #[serde(serialize_with = "uuid_text")]
    pub id: ApprovalId,
    /// What, such as `reminded`.
    pub kind: &'static str,
    /// More about it.
    pub detail: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Its id.
    pub id: ApprovalId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The execution that asks.
    pub execution_id: ExecutionId,
    /// The workflow of that execution.
    pub workflow_id: WorkflowId,
    /// The step that asks.
    pub step_path: String,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// What is asked, JSON.
    pub request: String,
    /// Sort of the thing it is about.
    pub entity: Option<String>,
    /// Which one.
    pub entity_id: Option<String>,
    /// How many have to approve.
    pub quorum: i32,
    /// How many did.
    pub votes: i32,
    /// Whether whoever started the execution may decide.
    pub allow_self: bool,
    /// Who started the execution, or the one that led to it.
    pub requester: String,
    /// Rises when who may decide changes.
    pub revision: i32,
    /// When it was opened, Unix milliseconds.
    pub requested_at_ms: i64,
    /// When it closes by itself, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// The next reminder, Unix milliseconds.
    pub remind_at_ms: Option<i64>,
    /// When others are asked too, Unix milliseconds.
    pub escalate_at_ms: Option<i64>,
    /// The role that may decide too since the escalation.
    pub escalated_role: Option<String>,
    /// When it was closed, Unix milliseconds.
    pub decided_at_ms: Option<i64>,
    /// Who settled it; nobody when it expired or was cancelled.
    pub decided_by: Option<String>,
    /// Why, in the words of whoever settled it.
    pub reason: Option<String>,
    /// The person who works on it.
    pub claimed_by: Option<String>,
    /// When people were reminded by hand last, Unix milliseconds.
    pub reminded_at_ms: Option<i64>,
}

impl ApprovalRow {
    /// Whether somebody may still decide at `now_ms`: one whose time is over waits to be closed.
    #[must_use]
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.status == ApprovalStatus::Pending && self.expires_at_ms.is_none_or(|expires| now_ms < expires)
    }
}

/// What somebody decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Which approval.
    pub approval_id: ApprovalId,
    /// Its revision when it was judged whether they may.
    pub revision: i32,
    /// The person.
    pub person: String,
    /// The person whose voice it is, where it is not their own: no voice counts twice.
    pub on_behalf_of: Option<String>,
    /// Digest of the token of the link that they decide with: it is used up with the decision.
    pub link: Option<String>,
    /// What they decide with.
    pub actor: String,
    /// A yes.
    pub approves: bool,
    /// Why.
    pub reason: Option<String>,
    /// The answers given, JSON.
    pub form: Option<String>,
    /// The way it came, such as `api`.
    pub channel: &'static str,
    /// What the execution is told, JSON.
    pub signal: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// What somebody says about an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComment {
    /// Its id.
    pub id: ApprovalCommentId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// About which approval.
    pub approval_id: ApprovalId,
    /// Who.
    pub actor: String,
    /// Text.
    pub body: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// What came of deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionOutcome {
    /// It is recorded, and the execution told. The approval is closed, unless more have to agree.
    Recorded {
        /// The approval now.
        approval: Box<ApprovalRow>,
        /// Whom to wake.
        woken: Delivered,
    },
    /// It was closed before, its time is over, or its execution has ended.
    Closed(Box<ApprovalRow>),
    /// The person has decided before, or somebody in their place.
    DecidedBefore(Box<ApprovalRow>),
    /// The link was used before, or its time is over.
    LinkSpent,
    /// Who may decide has changed since it was judged.
    Moved,
    /// There is no such approval.
    Unknown,
}

/// One person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// About which approval.
    pub approval_id: ApprovalId,
    /// The person.
    pub person: String,
    /// The person whose voice it is, where it is not their own.
    pub on_behalf_of: Option<String>,
    /// What they decided with.
    pub actor: String,
    /// A yes.
    pub approves: bool,
    /// It settled the approval.
    pub closes: bool,
    /// Why.
    pub reason: Option<String>,
    /// The answers given, JSON.
    pub form: Option<String>,
    /// The way it came.
    pub channel: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Something that happened to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalEventRow {
    /// To which.
    pub approval_id: ApprovalId,
    /// Rises with every event of one approval.
    pub position: i64,
    /// What, such as `requested`.
    pub kind: String,
    /// Who; nobody when it happened by itself.
    pub actor: Option<String>,
    /// More about it.
    pub detail: Option<String>,
    /// Of a comment: its id.
    pub comment_id: Option<ApprovalCommentId>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Something that happened to an approval, for live lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalChangeRow {
    /// Place right after it.
    pub cursor: ChangeCursor,
    /// To which.
    pub approval_id: ApprovalId,
    /// It was opened.
    pub opens: bool,
    /// It was withdrawn: nobody is asked any more.
    pub withdraws: bool,
}
