//! How data that definitions declare by name is fetched.

use sea_orm::entity::prelude::*;

/// A row of `resource_loader`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resource_loader")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// Name of a service.
    pub service: String,
    /// JSON.
    pub request: String,
    pub result_path: Option<String>,
    /// JSON.
    pub output_schema: Option<String>,
    pub is_required: bool,
    pub time_to_live_ms: i64,
    pub revision: i32,
    pub created_at_ms: i64,
    pub created_by: String,
    pub updated_at_ms: i64,
    pub updated_by: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
