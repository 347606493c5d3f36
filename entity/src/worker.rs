//! One start of one worker process.

use sea_orm::entity::prelude::*;

/// A row of `worker`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    /// JSON list of texts.
    pub queues: String,
    pub slots: i32,
    pub started_at_ms: i64,
    pub heartbeat_at_ms: i64,
    pub draining: bool,
    pub host: String,
    /// Of the program.
    pub version: String,
    /// How long it may be silent.
    pub lease_ms: i64,
    pub busy_slots: i32,
    /// Executions that ended in its hands since its start.
    pub processed: i64,
    /// Those of them that failed.
    pub failed: i64,
    pub last_fetch_at_ms: Option<i64>,
    /// When somebody asked it to take no more work.
    pub drain_asked_at_ms: Option<i64>,
    /// When it signed off.
    pub stopped_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
