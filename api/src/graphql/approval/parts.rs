//! What an approval consists of.

use async_graphql::{ComplexObject, Enum, ID, Object, Result, SimpleObject};
use serde_json::Value;
use store::{ApprovalEventRow, DecisionRow, DelegationRow};

use crate::graphql::directives::authorized;
use crate::graphql::payload::Payload;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::viewer::{Actor, Permission};

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ApprovalStatus")]
pub enum ApprovalStatus {
    /// Open.
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The execution ended or went on without it.
    Cancelled,
}

/// What an approval is about.
pub struct ApprovalSubject {
    pub(super) entity: Option<String>,
    pub(super) entity_id: Option<String>,
    pub(super) shown: Value,
}

/// What an approval is about.
#[Object]
impl ApprovalSubject {
    /// Sort of thing, such as `order`.
    async fn entity(&self) -> Option<&str> {
        self.entity.as_deref()
    }

    /// Which one.
    async fn entity_id(&self) -> Option<&str> {
        self.entity_id.as_deref()
    }

    /// What was shown to the decider; kept for the audit.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn data(&self) -> Result<Payload> {
        Payload::at(self.shown.clone(), None)
    }
}

/// An answer that is offered.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalOutcome {
    /// Name: `approve` or `reject`.
    name: String,
    /// Text on the button.
    label: String,
    /// True when it counts as a yes.
    is_approval: bool,
    /// True when a reason must be given.
    requires_reason: bool,
}

impl ApprovalOutcome {
    pub(super) fn approve() -> Self {
        Self { name: "approve".to_owned(), label: "Approve".to_owned(), is_approval: true, requires_reason: false }
    }

    pub(super) fn reject() -> Self {
        Self { name: "reject".to_owned(), label: "Reject".to_owned(), is_approval: false, requires_reason: true }
    }
}

/// Rules of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ApprovalMode {
    /// One is enough.
    Any,
    /// A number of them.
    Quorum,
}

/// How many must agree.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalPolicy {
    /// Rule.
    pub(super) mode: ApprovalMode,
    /// Number of yes answers.
    pub(super) required: i32,
    /// True when one no closes it.
    pub(super) rejection_ends: bool,
    /// False by default.
    pub(super) requester_may_decide: bool,
}

/// One person's decision.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct ApprovalDecision {
    /// Answer.
    outcome: ApprovalOutcome,
    /// Who.
    actor: Actor,
    /// For whom, when it was handed over, or somebody is away.
    on_behalf_of: Option<Actor>,
    /// Why.
    reason: Option<String>,
    /// Way it came: api, email.
    channel: String,
    /// When.
    at: DateTime,
    #[graphql(skip)]
    form: Option<Value>,
}

#[ComplexObject]
impl ApprovalDecision {
    /// Form data.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn data(&self) -> Option<Json> {
        self.form.clone().map(async_graphql::Json)
    }
}

impl ApprovalDecision {
    pub(super) fn of(row: &DecisionRow) -> Result<Self> {
        let form = row.form.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            outcome: if row.approves { ApprovalOutcome::approve() } else { ApprovalOutcome::reject() },
            actor: Actor::from_id(&row.person),
            on_behalf_of: row.on_behalf_of.as_deref().map(Actor::from_id),
            reason: row.reason.clone(),
            channel: row.channel.clone(),
            at: DateTime::from_ms(row.at_ms),
            form: form.map_err(|_unreadable| async_graphql::Error::new("stored answers cannot be read"))?,
        })
    }
}

/// What can happen to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ApprovalEventType {
    /// Opened.
    Requested,
    /// Somebody works on it.
    Claimed,
    /// Nobody works on it any more.
    Released,
    /// Handed over; `detail` has the id of whom to.
    Delegated,
    /// Others are asked.
    Reassigned,
    /// People were reminded.
    Reminded,
    /// Widened to others.
    Escalated,
    /// Comment.
    Commented,
    /// Decision.
    Decided,
    /// Time ran out.
    Expired,
    /// Withdrawn.
    Cancelled,
}

impl ApprovalEventType {
    /// From its name in the database; none for one of a later release.
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "requested" => Self::Requested,
            "claimed" => Self::Claimed,
            "released" => Self::Released,
            "delegated" => Self::Delegated,
            "reassigned" => Self::Reassigned,
            "reminded" => Self::Reminded,
            "escalated" => Self::Escalated,
            "commented" => Self::Commented,
            "decided" => Self::Decided,
            "expired" => Self::Expired,
            "cancelled" => Self::Cancelled,
            _later => return None,
        })
    }
}

/// Something that happened to an approval.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalEvent {
    /// What.
    #[graphql(name = "type")]
    kind: ApprovalEventType,
    /// Who; null when it happened by itself.
    actor: Option<Actor>,
    /// In words.
    detail: Option<String>,
    /// When.
    at: DateTime,
}

impl ApprovalEvent {
    pub(super) fn of(row: &ApprovalEventRow) -> Option<Self> {
        Some(Self {
            kind: ApprovalEventType::parse(&row.kind)?,
            actor: row.actor.as_deref().map(Actor::from_id),
            detail: row.detail.clone(),
            at: DateTime::from_ms(row.at_ms),
        })
    }
}

/// A comment.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalComment {
    /// Global id, prefix `cmt_`.
    id: ID,
    /// Who.
    actor: Actor,
    /// Text, Markdown.
    body: String,
    /// When.
    at: DateTime,
}

impl ApprovalComment {
    /// None for an event that is no comment.
    pub(super) fn of(row: &ApprovalEventRow) -> Option<Self> {
        Some(Self {
            id: ID(row.comment_id?.to_string()),
            actor: Actor::from_id(row.actor.as_deref()?),
            body: row.detail.clone()?,
            at: DateTime::from_ms(row.at_ms),
        })
    }
}

/// A hand-over.
#[derive(Debug, Clone, SimpleObject)]
pub struct ApprovalDelegation {
    /// Who handed over.
    from: Actor,
    /// To whom.
    to: Actor,
    /// Why.
    reason: Option<String>,
    /// When.
    at: DateTime,
    /// False: it came back, or others were asked since.
    is_in_force: bool,
}

impl From<&DelegationRow> for ApprovalDelegation {
    fn from(row: &DelegationRow) -> Self {
        Self {
            from: Actor::from_id(&row.from),
            to: Actor::from_id(&row.to),
            reason: row.reason.clone(),
            at: DateTime::from_ms(row.at_ms),
            is_in_force: row.is_in_force,
        }
    }
}
