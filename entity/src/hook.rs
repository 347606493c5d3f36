//! An address that others call to start a workflow.

use sea_orm::entity::prelude::*;

/// A row of `hook`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub workflow_id: Uuid,
    /// None when the published version has no such trigger any more.
    pub version_id: Option<Uuid>,
    pub ordinal: i32,
    pub path: String,
    pub method: String,
    /// `none`, `hmac_sha256`, `standard_webhooks`.
    pub verification: String,
    /// A copy of the workflow's, so that a call reads one row.
    pub is_enabled: bool,
    /// Encrypted.
    pub secret: Option<String>,
    /// Encrypted.
    pub previous_secret: Option<String>,
    pub previous_until_ms: Option<i64>,
    pub rotated_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
