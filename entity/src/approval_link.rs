//! Links by which one person decides one approval once.

use sea_orm::entity::prelude::*;

/// A row of `approval_link`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval_link")]
pub struct Model {
    /// The token itself is stored nowhere.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    pub organization_id: Uuid,
    pub approval_id: Uuid,
    /// Whom it was sent to.
    pub user_id: Uuid,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    pub used_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
