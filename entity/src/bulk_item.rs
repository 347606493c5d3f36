//! What bulk operations start, an item a row, and what came of each.

use sea_orm::entity::prelude::*;

/// A row of `bulk_item`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bulk_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation_id: Uuid,
    /// Its place among the items, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub organization_id: Uuid,
    /// The execution.
    pub id: Uuid,
    pub status: i16,
    /// JSON: what to start.
    pub start: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
