//! Messages to addresses that are told of what happens.

use sea_orm::entity::prelude::*;

/// A row of `webhook_delivery`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub endpoint_id: Uuid,
    pub event_type: String,
    /// JSON.
    pub body: String,
    pub status: i16,
    /// Of the present round.
    pub tries: i32,
    /// Of all rounds.
    pub attempts: i32,
    pub epoch: i32,
    pub lease_until_ms: i64,
    /// When it is sent.
    pub due_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
