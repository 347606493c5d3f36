//! Entries of the audit log, and which of them are wanted.

use async_graphql::{Enum, ID, InputObject, Object, Result, SimpleObject};
use service::Services;
use store::AuditRow;

use crate::graphql::errors::invalid;
use crate::graphql::filters::DateTimeFilter;
use crate::graphql::scalars::{DateTime, Json, Long};
use crate::graphql::viewer::{Actor, ActorKind};

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::AuditOutcome")]
pub enum AuditOutcome {
    /// It was done.
    Ok,
    /// The input was not acceptable.
    Refused,
    /// Whoever tried may not, or is not known.
    Denied,
    /// It broke on the side of the server, or was cut off; a part of it may have been done.
    Failed,
}

/// Who changed what, when; never changed.
pub struct AuditEntry(pub(super) AuditRow);

/// Who changed what, when; never changed.
#[Object]
impl AuditEntry {
    /// Global id, prefix `aud_`.
    async fn id(&self) -> ID {
        ID(self.0.entry.id.to_string())
    }

    /// Place in the chain of the organization, from 1.
    async fn sequence(&self) -> Long {
        Long(self.0.seq)
    }

    /// When.
    async fn at(&self) -> DateTime {
        DateTime::from_ms(self.0.entry.at_ms)
    }

    /// Who, as it was called then.
    async fn actor(&self) -> Actor {
        service::audit::actor_of(&self.0.entry).into()
    }

    /// What, such as `workflow.published`; the name of the mutation when nothing better is known.
    async fn action(&self) -> &str {
        &self.0.entry.action
    }

    /// What came of it.
    async fn outcome(&self) -> AuditOutcome {
        self.0.entry.outcome.into()
    }

    /// Code of the error, when there was one.
    async fn code(&self) -> Option<&str> {
        self.0.entry.code.as_deref()
    }

    /// On what; the organization when nothing in it is named.
    async fn target_id(&self) -> ID {
        ID(self.0.entry.target_id.clone())
    }

    /// Sort of object.
    async fn target_type(&self) -> &str {
        &self.0.entry.target_type
    }

    /// Its name then; empty when it is not known.
    async fn target_name(&self) -> &str {
        &self.0.entry.target_name
    }

    /// Before and after, without secrets.
    async fn changes(&self) -> Result<Option<Json>> {
        let changes = self.0.entry.changes.as_deref();
        Ok(changes.map(serde_json::from_str).transpose()?.map(async_graphql::Json))
    }

    /// Why.
    async fn reason(&self) -> Option<&str> {
        self.0.entry.reason.as_deref()
    }

    /// From where.
    async fn remote_address(&self) -> Option<&str> {
        self.0.entry.remote_address.as_deref()
    }

    /// With what.
    async fn user_agent(&self) -> Option<&str> {
        self.0.entry.user_agent.as_deref()
    }

    /// Request it belongs to.
    async fn request_id(&self) -> &str {
        &self.0.entry.request_id
    }

    /// Chained with the entry before.
    async fn hash(&self) -> &str {
        &self.0.hash
    }
}

/// Result of checking the chain.
#[derive(Debug, SimpleObject)]
pub struct AuditVerification {
    /// True when no entry was changed or removed, as far as it was checked.
    is_intact: bool,
    /// Entries checked.
    checked: Long,
    /// First entry that does not fit; null when the place has no entry any more.
    first_broken_id: Option<ID>,
    /// What is wrong, in a sentence.
    problem: Option<String>,
    /// Where to go on: ask again with it until it is null.
    next: Option<String>,
}

impl From<service::audit::Verified> for AuditVerification {
    fn from(verified: service::audit::Verified) -> Self {
        Self {
            is_intact: verified.problem.is_none(),
            checked: Long(i64::try_from(verified.checked).unwrap_or(i64::MAX)),
            first_broken_id: verified.first_broken.map(|id| ID(id.to_string())),
            problem: verified.problem,
            next: verified.next,
        }
    }
}

/// Which entries.
#[derive(Debug, Default, InputObject)]
pub struct AuditFilter {
    /// By this actor.
    actor_id: Option<ID>,
    /// By this sort of actor.
    actor_kinds: Option<Vec<ActorKind>>,
    /// These actions; `workflow.*` is possible.
    actions: Option<Vec<String>>,
    /// With one of these outcomes.
    outcomes: Option<Vec<AuditOutcome>>,
    /// On this object.
    target_id: Option<ID>,
    /// On this sort of object.
    target_types: Option<Vec<String>>,
    /// In this time.
    at: Option<DateTimeFilter>,
    /// With this text in names or reasons.
    contains: Option<String>,
}

/// Most values in one list of a filter.
const MAX_VALUES: usize = 50;

impl AuditFilter {
    /// The store's filter.
    pub(super) fn resolve(self, services: &Services) -> Result<store::AuditFilter> {
        let lengths = [
            self.actor_kinds.as_ref().map(Vec::len),
            self.actions.as_ref().map(Vec::len),
            self.outcomes.as_ref().map(Vec::len),
            self.target_types.as_ref().map(Vec::len),
        ];
        if lengths.into_iter().flatten().any(|length| length > MAX_VALUES) {
            return Err(invalid(format!("a list in the filter has at most {MAX_VALUES} values")));
        }
        Ok(store::AuditFilter {
            actor_id: self.actor_id.map(|id| id.0),
            actor_kinds: self
                .actor_kinds
                .map(|kinds| kinds.into_iter().map(|kind| service::audit::kind_name(kind.into()).to_owned()).collect()),
            actions: self.actions,
            outcomes: self.outcomes.map(|outcomes| outcomes.into_iter().map(Into::into).collect()),
            target_id: self.target_id.map(|id| id.0),
            target_types: self.target_types,
            at: self.at.map(|at| at.resolve(services)),
            contains: self.contains.filter(|text| !text.is_empty()),
        })
    }
}

/// A part of time, one of its fields.
#[derive(Debug, Clone, async_graphql::OneofObject)]
pub enum TimeWindowInput {
    /// The last n hours, days, ..., such as `24h`.
    Last(crate::graphql::scalars::Duration),
    /// From one moment to another.
    Between(TimeRangeInput),
}

/// From one moment to another.
#[derive(Debug, Clone, InputObject)]
pub struct TimeRangeInput {
    /// Start, included.
    from: DateTime,
    /// End, left out.
    to: DateTime,
}

impl From<TimeWindowInput> for service::statistics::WindowRequest {
    fn from(window: TimeWindowInput) -> Self {
        match window {
            TimeWindowInput::Last(length) => Self::Last(length.0),
            TimeWindowInput::Between(TimeRangeInput { from, to }) => Self::Between(from.0.0, to.0.0),
        }
    }
}

impl TimeWindowInput {
    /// From and to, in Unix milliseconds; the last hours reach to the end of what there is.
    pub(super) fn resolve(self, services: &Services) -> (i64, i64) {
        match self {
            Self::Last(length) => {
                let length_ms = i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX);
                (services.now().0.saturating_sub(length_ms), i64::MAX)
            }
            Self::Between(TimeRangeInput { from, to }) => (from.0.0, to.0.0),
        }
    }
}
