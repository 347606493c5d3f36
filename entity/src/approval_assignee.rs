//! Who may decide an approval.

use sea_orm::entity::prelude::*;

/// A row of `approval_assignee`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval_assignee")]
pub struct Model {
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub approval_id: Uuid,
    /// `role:NAME`, `user:ID` or `user:ADDRESS`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub assignee: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
