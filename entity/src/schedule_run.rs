//! What came of a point in time of a schedule.

use sea_orm::entity::prelude::*;

/// A row of `schedule_run`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule_run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub schedule_id: Uuid,
    pub scheduled_for_ms: i64,
    pub state: i16,
    pub kind: i16,
    /// The id that the execution has or gets.
    pub execution_id: Option<Uuid>,
    pub note: Option<String>,
    /// Something is to be done yet, or its execution runs.
    pub is_open: bool,
    pub fired_at_ms: Option<i64>,
    /// What made up for it late, where somebody asked for that.
    pub backfill_id: Option<Uuid>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
