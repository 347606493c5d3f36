//! What one commit of an execution decided.
//!
//! PostgreSQL has one more column, the transaction that wrote the row; only raw SQL reads it.

use sea_orm::entity::prelude::*;

/// A row of `journal`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub execution_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i32,
    /// Rises with every row, in order of insertion.
    pub position: i64,
    pub organization_id: Uuid,
    pub epoch: i32,
    /// JSON list.
    pub events: String,
    pub at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
