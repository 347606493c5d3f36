//! A person or a service account; belongs to no organization.

use sea_orm::entity::prelude::*;

/// A row of `user_account`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As it is compared: trimmed and in lower case.
    pub email: Option<String>,
    pub email_verified_at_ms: Option<i64>,
    pub display_name: String,
    /// `person` or `service`.
    pub kind: String,
    /// PHC string of argon2id.
    pub password_hash: Option<String>,
    pub password_changed_at_ms: Option<i64>,
    pub is_active: bool,
    pub time_zone: String,
    /// JSON object.
    pub preferences: String,
    pub created_at_ms: i64,
    pub last_seen_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
