//! A key of a program.

use sea_orm::entity::prelude::*;

/// A row of `api_key`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub display_name: String,
    /// `api_key` or `agent`.
    pub kind: String,
    pub prefix: String,
    /// SHA-256, in hexadecimal digits.
    pub token_hash: String,
    /// JSON list of names.
    pub permissions: String,
    /// JSON list of workflow folders; everywhere when absent.
    pub folders: Option<String>,
    /// JSON list of addresses and networks; from anywhere when absent.
    pub allowed_addresses: Option<String>,
    /// Whose rights bound those of the key at the time of use.
    pub on_behalf_of: Uuid,
    pub created_by: String,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub last_used_at_ms: Option<i64>,
    pub last_used_from: Option<String>,
    pub revoked_at_ms: Option<i64>,
    pub revoked_reason: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
