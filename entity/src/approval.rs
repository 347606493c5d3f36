//! What people have to decide.

use sea_orm::entity::prelude::*;

/// A row of `approval`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub execution_id: Uuid,
    pub workflow_id: Uuid,
    pub step_path: String,
    /// 0 pending, 1 approved, 2 rejected, 3 expired, 4 cancelled.
    pub status: i16,
    /// JSON.
    pub request: String,
    pub entity: Option<String>,
    pub entity_id: Option<String>,
    pub quorum: i32,
    pub votes: i32,
    pub allow_self: bool,
    /// Who started the execution, or the one that led to it.
    pub requester: String,
    /// Rises when who may decide changes.
    pub revision: i32,
    pub requested_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub remind_at_ms: Option<i64>,
    pub escalate_at_ms: Option<i64>,
    pub escalated_role: Option<String>,
    pub decided_at_ms: Option<i64>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
    /// The person who works on it.
    pub claimed_by: Option<String>,
    /// When people were reminded by hand last.
    pub reminded_at_ms: Option<i64>,
    /// Since when whoever may decide is owed a mail.
    pub mail_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
