//! What was told to an execution from outside, until it has taken it in.

use sea_orm::entity::prelude::*;

/// A row of `signal`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signal")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub position: i64,
    pub organization_id: Uuid,
    pub execution_id: Uuid,
    /// JSON.
    pub data: String,
    pub created_at_ms: i64,
    /// It is counted in the execution's `signals`.
    pub delivered: bool,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
