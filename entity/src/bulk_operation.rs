//! Work on many executions in the background.

use sea_orm::entity::prelude::*;

/// A row of `bulk_operation`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bulk_operation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub kind: i16,
    pub status: i16,
    /// JSON.
    pub filter: String,
    /// JSON.
    pub arguments: Option<String>,
    pub reason: String,
    pub is_dry_run: bool,
    pub rate_per_second: i32,
    pub created_by: String,
    /// JSON: whose rights it has.
    pub acts_as: String,
    pub total: i64,
    pub is_counted: bool,
    pub succeeded: i64,
    pub failed: i64,
    pub skipped: i64,
    /// The last execution that was passed.
    pub position: Option<Uuid>,
    pub epoch: i32,
    pub lease_until_ms: i64,
    /// When it goes on.
    pub due_at_ms: Option<i64>,
    pub status_reason: Option<String>,
    pub created_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
