//! Accepted events.

use ids::{EventId, ExecutionId, OrganizationId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An event on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name, such as `order.created`.
    pub event_type: String,
    /// Sender.
    pub source: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Data, JSON.
    pub payload: String,
    /// Accepted once within seven days.
    pub deduplication_key: Option<String>,
    /// Tells two events with the same key apart.
    pub fingerprint: String,
    /// When it happened, Unix milliseconds.
    pub occurred_at_ms: i64,
    /// When it was accepted, Unix milliseconds.
    pub received_at_ms: i64,
    /// How many executions in a row led to it, each started by the event before.
    pub depth: i16,
    /// The one thing that it is about, as waits name it: they find it by this.
    pub about: Option<String>,
    /// The event that it repeats.
    pub replay_of: Option<EventId>,
    /// JSON list of the workflows that it is for, and then for no wait; for everybody when absent.
    pub only_workflows: Option<String>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// It was recorded.
    New(EventId),
    /// Its deduplication key was used within seven days.
    Existing {
        /// By this event.
        event_id: EventId,
        /// Whether name and payload are the same too.
        same_fingerprint: bool,
    },
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name, such as `order.created`.
    pub event_type: String,
    /// Sender.
    pub source: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Data, JSON.
    pub payload: String,
    /// Accepted once within seven days.
    pub deduplication_key: Option<String>,
    /// When it happened, Unix milliseconds.
    pub occurred_at_ms: i64,
    /// When it was accepted, Unix milliseconds.
    pub received_at_ms: i64,
    /// When its matches were recorded, Unix milliseconds; absent until then.
    pub routed_at_ms: Option<i64>,
    /// Which workflows it was held against, JSON; absent until routed.
    pub matches: Option<String>,
    /// How many executions in a row led to it, each started by the event before.
    pub depth: i16,
    /// The event that it repeats.
    pub replay_of: Option<EventId>,
    /// JSON list of the workflows that it is for, and then for no wait; for everybody when absent.
    pub only_workflows: Option<String>,
}

/// An execution that waited when an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldRow {
    /// The execution.
    pub execution: ExecutionId,
    /// Whether it was told; false when its wait is for something else by the same name.
    pub is_fitting: bool,
}

/// What came of an event, on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedEvent {
    /// The event.
    pub id: EventId,
    /// Which workflows it was held against, JSON.
    pub matches: String,
    /// Which outcomes there are among them, such as `|filtered|started|`.
    pub outcomes: String,
}

/// A place among the events of an organization in the order in which they were committed: all before it were seen.
///
/// PostgreSQL knows an event by its transaction and its id, SQLite by the number of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    #[serde(rename = "x")]
    pub(crate) transaction: u64,
    #[serde(rename = "p")]
    pub(crate) position: i64,
    #[serde(rename = "e")]
    pub(crate) id: Uuid,
}
