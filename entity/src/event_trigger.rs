//! An event trigger of a published version.

use sea_orm::entity::prelude::*;

/// A row of `event_trigger`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_trigger")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workflow_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    pub organization_id: Uuid,
    pub version_id: Uuid,
    pub pattern: String,
    pub is_exact: bool,
    /// A copy of the workflow's, so that a lookup reads one index.
    pub is_enabled: bool,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
