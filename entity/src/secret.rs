//! A value that can be used but never read back.

use sea_orm::entity::prelude::*;

/// A row of `secret`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// Sealed.
    pub value: String,
    pub fingerprint: String,
    /// JSON.
    pub allowed_hosts: Option<String>,
    pub rotate_at_ms: Option<i64>,
    pub last_used_at_ms: Option<i64>,
    pub version: i32,
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
