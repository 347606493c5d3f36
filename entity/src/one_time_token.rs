//! A token that counts once.

use sea_orm::entity::prelude::*;

/// A row of `one_time_token`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "one_time_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// `verify_email`, `reset_password`, `bootstrap`.
    pub purpose: String,
    pub user_id: Option<Uuid>,
    /// The address that it proves, when it proves one.
    pub email: Option<String>,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    pub used_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
