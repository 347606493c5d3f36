//! Addresses that are told of what happens.

use sea_orm::entity::prelude::*;

/// A row of `webhook_endpoint`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub url: String,
    pub description: Option<String>,
    /// JSON.
    pub event_types: String,
    /// JSON.
    pub workflow_ids: Option<String>,
    pub is_enabled: bool,
    pub disabled_reason: Option<String>,
    /// Sealed.
    pub secret: String,
    /// Sealed.
    pub previous_secret: Option<String>,
    pub previous_until_ms: Option<i64>,
    pub failing_since_ms: Option<i64>,
    pub revision: i32,
    pub created_at_ms: i64,
    pub created_by: String,
    pub updated_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
