//! A place of a published version that names a rule.

use sea_orm::entity::prelude::*;

/// A row of `rule_use`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_use")]
pub struct Model {
    pub organization_id: Uuid,
    pub rule_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub workflow_id: Uuid,
    /// JSON Pointer of the name in the definition.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pointer: String,
    pub step: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
