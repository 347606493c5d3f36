//! Everything that happened to approvals.

use sea_orm::entity::prelude::*;

/// A row of `approval_event`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval_event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub position: i64,
    pub organization_id: Uuid,
    pub approval_id: Uuid,
    pub kind: String,
    pub actor: Option<String>,
    pub detail: Option<String>,
    pub comment_id: Option<Uuid>,
    pub at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
