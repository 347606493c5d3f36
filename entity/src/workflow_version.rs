//! One immutable, published content of a workflow.

use sea_orm::entity::prelude::*;

/// A row of `workflow_version`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub workflow_id: Uuid,
    pub number: i32,
    pub label: Option<String>,
    pub changelog: Option<String>,
    /// Canonical definition, JSON.
    pub definition: String,
    pub source: String,
    pub format: String,
    pub checksum: String,
    /// JSON.
    pub problems: String,
    pub published_at_ms: i64,
    pub published_by: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
