//! An execution that waited when an event came.

use sea_orm::entity::prelude::*;

/// A row of `event_told`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_told")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub event_id: Uuid,
    pub execution_id: Uuid,
    /// False when the wait is for something else by the same name.
    pub is_fitting: bool,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
