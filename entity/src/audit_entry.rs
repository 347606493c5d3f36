//! One thing that somebody did or tried to do; chained with the one before it.

use sea_orm::entity::prelude::*;

/// A row of `audit_entry`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Place in the chain of the organization, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub id: Uuid,
    pub at_ms: i64,
    pub actor_id: String,
    pub actor_kind: String,
    pub actor_name: String,
    pub action: String,
    pub outcome: String,
    pub code: Option<String>,
    pub target_type: String,
    pub target_id: String,
    pub target_name: String,
    /// JSON.
    pub changes: Option<String>,
    pub reason: Option<String>,
    pub remote_address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: String,
    pub previous_hash: String,
    pub hash: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
