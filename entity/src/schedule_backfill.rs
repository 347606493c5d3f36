//! Past points in time of a schedule that are made up for together.

use sea_orm::entity::prelude::*;

/// A row of `schedule_backfill`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule_backfill")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub schedule_id: Uuid,
    pub from_ms: i64,
    pub to_ms: i64,
    /// `buffer_all` or `allow_all`.
    pub overlap: String,
    /// How many are made up for.
    pub total: i32,
    /// How many were started before.
    pub known: i32,
    pub reason: String,
    pub created_by: String,
    pub created_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
