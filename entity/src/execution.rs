//! One run of a workflow version.

use sea_orm::entity::prelude::*;

/// A row of `execution`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "execution")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub workflow_id: Uuid,
    pub version_id: Uuid,
    pub version_number: i32,
    pub status: i16,
    pub result: Option<i16>,
    pub key: Option<String>,
    pub priority: i16,
    pub queue: String,
    pub trigger_type: i16,
    /// JSON.
    pub trigger_data: String,
    pub event_id: Option<Uuid>,
    pub started_by: String,
    /// JSON.
    pub input: String,
    /// JSON list of pairs; a copy of the rows of `execution_label`, so that a list of executions is one query.
    pub labels: String,
    /// The machine's state, JSON; absent before the first checkpoint and after the end.
    pub state: Option<String>,
    pub seq: i32,
    pub epoch: i32,
    pub worker_id: Option<Uuid>,
    /// Claims since anything was committed.
    pub claims: i16,
    /// JSON.
    pub decision: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub failed_step: Option<String>,
    /// The same for all that failed by one cause.
    pub error_fingerprint: Option<String>,
    pub idempotency_key: Option<String>,
    pub queued_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub deadline_at_ms: Option<i64>,
    pub wake_at_ms: Option<i64>,
    /// When it was last pushed to its queue, or should have been.
    pub pushed_at_ms: i64,
    /// How many executions in a row led to it, by events or as children.
    pub depth: i16,
    /// The execution that waits for it, or started it.
    pub parent_id: Option<Uuid>,
    /// Since when it rests, paused.
    pub paused_at_ms: Option<i64>,
    /// The execution that it repeats.
    pub rerun_of: Option<Uuid>,
    /// The versions of rules that it has, JSON; absent when its definition names none.
    pub rules: Option<String>,
    /// Signals that were delivered and not taken in.
    pub signals: i32,
    /// The journal row that `state` includes as the last one.
    pub state_seq: i32,
    /// Whether the execution that started it waits for its end.
    pub awaited: bool,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
