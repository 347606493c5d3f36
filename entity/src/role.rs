//! A named set of permissions of an organization.

use sea_orm::entity::prelude::*;

/// A row of `role`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// JSON list of names.
    pub permissions: String,
    /// JSON list of workflow folders; everywhere when absent.
    pub folders: Option<String>,
    pub revision: i32,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
