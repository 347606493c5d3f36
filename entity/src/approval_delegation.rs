//! Who handed an approval over to whom.

use sea_orm::entity::prelude::*;

/// A row of `approval_delegation`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval_delegation")]
pub struct Model {
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub approval_id: Uuid,
    /// From 1, in the order in which it was handed over.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub from_person: String,
    /// What they did it with: themselves, or a key.
    pub actor: String,
    pub to_person: String,
    /// Whose voice it is: who handed it over first.
    pub voice: String,
    pub reason: Option<String>,
    pub at_ms: i64,
    /// When it counted no more: it came back, or others were asked.
    pub ended_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
