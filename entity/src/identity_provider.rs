//! An identity provider of an organization.

use sea_orm::entity::prelude::*;

/// A row of `identity_provider`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_provider")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Encrypted.
    pub client_secret: Option<String>,
    /// JSON object.
    pub role_mapping: String,
    pub is_enabled: bool,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
