//! What wakes a parked execution.

use sea_orm::entity::prelude::*;

/// A row of `wait`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wait")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub organization_id: Uuid,
    pub execution_id: Uuid,
    pub step_path: String,
    pub kind: String,
    pub due_at_ms: Option<i64>,
    /// Name or pattern of the awaited event.
    pub event: Option<String>,
    /// What the event must be about, where one value says it.
    pub correlation: Option<String>,
    /// What the event's payload must have, JSON.
    pub keys: Option<String>,
    /// The approval or the child execution.
    pub target: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
