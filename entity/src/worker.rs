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
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
