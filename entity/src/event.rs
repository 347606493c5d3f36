//! An accepted event.

use sea_orm::entity::prelude::*;

/// A row of `event`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub event_type: String,
    pub source: String,
    pub subject: Option<String>,
    /// JSON.
    pub payload: String,
    pub deduplication_key: Option<String>,
    pub occurred_at_ms: i64,
    pub received_at_ms: i64,
    pub routed_at_ms: Option<i64>,
    /// JSON.
    pub matches: Option<String>,
    /// How many executions in a row led to it, each started by the event before.
    pub depth: i16,
    /// The one thing that it is about, as waits name it.
    pub about: Option<String>,
    /// The event that it repeats.
    pub replay_of: Option<Uuid>,
    /// JSON list of the workflows that it is for; for all when absent.
    pub only_workflows: Option<String>,
    /// Which outcomes there are among its matches, such as `|filtered|started|`.
    pub outcomes: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
