//! A system that definitions call by name.

use sea_orm::entity::prelude::*;

/// A row of `service`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub title: String,
    pub kind: i16,
    pub base_url: Option<String>,
    pub auth_kind: i16,
    /// Name of a secret.
    pub auth_secret: Option<String>,
    pub auth_header: Option<String>,
    /// JSON.
    pub settings: String,
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
