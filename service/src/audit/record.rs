//! Writes entries of the audit log.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;

use ids::{AuditEntryId, OrganizationId};
use queue::Notice;
use serde_json::{Map, Value};
use store::{AuditOutcome, NewAuditEntry};

use super::trail::Change;
use crate::code::Code;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Actor, ActorKind, Origin};

/// Longest name, id or action that is kept, in characters.
const MAX_TEXT: usize = 255;
/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 1_000;
/// Longest before and after that are kept, together, in bytes of JSON.
const MAX_CHANGES: usize = 16 * 1_024;

/// What can be followed live, and changes by what stands in the log.
const FOLLOWED: [&str; 3] = ["workflow", "schedule", "rule"];

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The input was not acceptable.
    Refused(Code),
    /// Whoever tried may not, or is not known.
    Denied(Code),
    /// It broke on our side, or was cut off; a part of it may have been done.
    Failed(Code),
}

impl Outcome {
    /// What an error with this code means for an attempt.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        match code {
            Code::Unauthenticated
            | Code::Forbidden
            | Code::SignInAccountExists
            | Code::SignInDeclined
            | Code::SignInNoRole
            | Code::SignInStale
            | Code::SignInUntrusted => Self::Denied(code),
            Code::Unavailable | Code::IdentityProviderUnavailable | Code::Internal => Self::Failed(code),
            _of_the_input => Self::Refused(code),
        }
    }

    /// The code of the error, when there was one.
    #[must_use]
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Ok => None,
            Self::Refused(code) | Self::Denied(code) | Self::Failed(code) => Some(code),
        }
    }

    const fn stored(self) -> AuditOutcome {
        match self {
            Self::Ok => AuditOutcome::Ok,
            Self::Refused(_) => AuditOutcome::Refused,
            Self::Denied(_) => AuditOutcome::Denied,
            Self::Failed(_) => AuditOutcome::Failed,
        }
    }
}

/// Something that was done or tried.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// In whose log; in that of the installation's own organization when it is of none.
    pub organization: Option<OrganizationId>,
    /// Who.
    pub actor: Actor,
    /// What, such as `session.created`; what the change is called counts more.
    pub action: String,
    /// What came of it.
    pub outcome: Outcome,
    /// On what, from what to what.
    pub change: Change,
    /// From where.
    pub origin: Origin,
}

/// Appends an entry; durable when this returns.
///
/// # Errors
/// When the database is away: then whether it is in the log is not known.
#[boxed]
pub async fn record(services: &Services, entry: NewEntry) -> Result<(), ServiceError> {
    record_all(services, vec![entry]).await
}

/// Appends entries in their order; durable when this returns.
///
/// # Errors
/// As [`record`].
#[boxed]
pub async fn record_all(services: &Services, entries: Vec<NewEntry>) -> Result<(), ServiceError> {
    let rows: Vec<NewAuditEntry> = entries.into_iter().map(|entry| row(services, entry)).collect();
    let followed = rows.iter().filter(|row| FOLLOWED.contains(&row.target_type.as_str()));
    let followed: BTreeSet<OrganizationId> = followed.map(|row| row.organization_id).collect();
    services.store().audit(rows).await?;
    // Whoever follows a workflow reads what happened to it from the log; the others are read as they are.
    services.notices().publish(followed.into_iter().map(Notice::of).collect());
    Ok(())
}

fn row(services: &Services, entry: NewEntry) -> NewAuditEntry {
    let NewEntry { organization, actor, action, outcome, change, origin } = entry;
    NewAuditEntry {
        id: AuditEntryId::new(),
        organization_id: organization.unwrap_or_else(|| services.default_organization()),
        at_ms: services.now().0,
        actor_id: clean(&actor.id, MAX_TEXT),
        actor_kind: kind_name(actor.kind).to_owned(),
        actor_name: clean(&actor.display_name, MAX_TEXT),
        action: clean(change.action.unwrap_or(&action), MAX_TEXT),
        outcome: outcome.stored(),
        code: outcome.code().map(|code| code.as_str().to_owned()),
        target_type: change.target_type.to_owned(),
        target_id: clean(&change.target_id, MAX_TEXT),
        target_name: clean(&change.target_name, MAX_TEXT),
        changes: changes(change.before, change.after),
        reason: change.reason.map(|reason| clean(&reason, MAX_REASON)),
        remote_address: origin.address.map(|address| address.to_string()),
        user_agent: origin.user_agent.map(|name| clean(&name, MAX_TEXT)),
        request_id: clean(&origin.request_id, MAX_TEXT),
    }
}

/// What every column holds: without NUL characters, and not longer than it needs to be.
fn clean(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|letter| if letter == '\0' { '\u{fffd}' } else { letter }).collect()
}

/// Before and after as one object; nothing when there is neither.
fn changes(before: Value, after: Value) -> Option<String> {
    let sides = [("before", before), ("after", after)].into_iter().filter(|(_, value)| !value.is_null());
    let sides: Map<String, Value> = sides.map(|(side, value)| (side.to_owned(), value)).collect();
    if sides.is_empty() {
        return None;
    }
    // NUL characters are escaped in JSON.
    let text = Value::Object(sides).to_string();
    Some(if text.len() <= MAX_CHANGES { text } else { r#"{"$truncated":true}"#.to_owned() })
}

/// A sort of actor as it is stored.
#[must_use]
pub const fn kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::User => "user",
        ActorKind::ServiceAccount => "service_account",
        ActorKind::ApiKey => "api_key",
        ActorKind::Agent => "agent",
        ActorKind::System => "system",
    }
}

/// The sort of actor that [`kind_name`] named.
pub(super) fn kind_of_name(name: &str) -> ActorKind {
    [ActorKind::ServiceAccount, ActorKind::ApiKey, ActorKind::Agent, ActorKind::System]
        .into_iter()
        .find(|kind| kind_name(*kind) == name)
        .unwrap_or(ActorKind::User)
}
