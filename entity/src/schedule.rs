//! What starts a workflow at points in time.

use sea_orm::entity::prelude::*;

/// A row of `schedule`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub workflow_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// JSON: spec, zone and policies.
    pub timing: String,
    /// JSON.
    pub input: Option<String>,
    /// Place of the trigger of a definition that it belongs to.
    pub trigger_ordinal: Option<i32>,
    pub is_enabled: bool,
    pub paused_at_ms: Option<i64>,
    pub paused_reason: Option<String>,
    pub paused_by: Option<String>,
    /// Points in time after this one count.
    pub timed_at_ms: i64,
    /// The next point in time.
    pub due_ms: Option<i64>,
    /// When it fires for that.
    pub next_at_ms: Option<i64>,
    /// When to look at it.
    pub wake_at_ms: Option<i64>,
    pub revision: i32,
    pub idempotency_key: Option<String>,
    pub created_at_ms: i64,
    pub created_by: String,
    /// Another number with whatever people, versions and points in time do to it.
    pub updated_at_ms: i64,
    /// After how many failures in a row it pauses itself.
    pub pause_after: Option<i32>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
