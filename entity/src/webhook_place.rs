//! How far the journals of an organization have been told.

use sea_orm::entity::prelude::*;

/// A row of `webhook_place`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_place")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// JSON.
    pub place: String,
    /// The same of what happened to approvals, JSON.
    pub approval_place: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
