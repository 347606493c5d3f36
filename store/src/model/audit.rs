//! Entries of the audit log.

use ids::{AuditEntryId, OrganizationId};

use super::code::UnknownCode;

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done.
    Ok,
    /// The input was not acceptable.
    Refused,
    /// Whoever tried may not, or is not known.
    Denied,
    /// It broke on our side, or was cut off; a part of it may have been done.
    Failed,
}

impl AuditOutcome {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

impl TryFrom<&str> for AuditOutcome {
    type Error = UnknownCode;

    fn try_from(name: &str) -> Result<Self, UnknownCode> {
        [Self::Ok, Self::Refused, Self::Denied, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
            .ok_or(UnknownCode { what: "audit outcome", code: -1 })
    }
}

/// An entry on its way into the log. Texts hold no NUL character and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// Its id.
    pub id: AuditEntryId,
    /// In whose log.
    pub organization_id: OrganizationId,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// Global id of whoever did it.
    pub actor_id: String,
    /// Sort of actor, such as `api_key`.
    pub actor_kind: String,
    /// Its name then.
    pub actor_name: String,
    /// What, such as `workflow.published`.
    pub action: String,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// Of the error, when there was one.
    pub code: Option<String>,
    /// Sort of object, such as `workflow`.
    pub target_type: String,
    /// Its global id.
    pub target_id: String,
    /// Its name then.
    pub target_name: String,
    /// Before and after, JSON.
    pub changes: Option<String>,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
    /// Address of the other side.
    pub remote_address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Id of the request in the log of the server.
    pub request_id: String,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the chain of the organization, from 1.
    pub seq: i64,
    /// What it tells.
    pub entry: NewAuditEntry,
    /// Hash of the entry before it; empty for the first.
    pub previous_hash: String,
    /// Keyed digest of the place, the hash before and all of the entry, in hexadecimal digits.
    pub hash: String,
}

/// The part of a log that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSpan {
    /// Entries from this moment on, Unix milliseconds.
    pub from_ms: i64,
    /// Entries before this moment, Unix milliseconds.
    pub to_ms: i64,
    /// Goes on behind this place.
    pub after: Option<i64>,
}

/// What is wrong in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFault {
    /// The entry is not what was written.
    Changed,
    /// Entries before it are missing.
    Gap,
    /// It does not follow the entry that stands before it.
    Unlinked,
    /// Entries at the end are missing.
    TailMissing,
    /// The record of the end of the log was not written by this installation.
    HeadForged,
}

/// The first place that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditBreak {
    /// Place in the chain.
    pub seq: i64,
    /// The entry there, when there is one.
    pub id: Option<AuditEntryId>,
    /// What is wrong.
    pub fault: AuditFault,
}

/// What a check of a part found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries that were checked and fit.
    pub checked: u64,
    /// What does not fit; the check ends there.
    pub first_break: Option<AuditBreak>,
    /// Behind which place to go on; `None` at the end.
    pub next: Option<i64>,
}
