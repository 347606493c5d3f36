//! Failures of the same cause.

use sea_orm::entity::prelude::*;

/// A row of `error_group`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "error_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub workflow_id: Uuid,
    /// Same for the same cause.
    pub fingerprint: String,
    pub step: Option<String>,
    pub code: String,
    /// Of the first failure.
    pub message: String,
    /// The first one that failed so.
    pub execution_id: Uuid,
    /// 0 open, 1 resolved, 2 ignored.
    pub status: i16,
    /// When somebody said so.
    pub status_at_ms: Option<i64>,
    pub first_seen_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
