//! A tenant.

use sea_orm::entity::prelude::*;

/// A row of `organization`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    pub created_at_ms: i64,
    pub description: Option<String>,
    /// Grows with each change.
    pub revision: i32,
    pub updated_at_ms: Option<i64>,
    /// Nobody has access any more; the rows go later.
    pub deleted_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
