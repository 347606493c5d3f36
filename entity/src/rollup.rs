//! What happened in a quarter of an hour, as one process counted it.

use sea_orm::entity::prelude::*;

/// A row of `rollup`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rollup")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Quarters of an hour since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slice: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub workflow_id: Uuid,
    /// What is counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub what: i16,
    /// Empty for what is counted of whole executions.
    #[sea_orm(primary_key, auto_increment = false)]
    pub step: String,
    /// Of the length of time; below zero when there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i16,
    /// Of the process that wrote it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    pub count: i64,
    pub total_ms: i64,
    pub least_ms: i64,
    pub most_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
