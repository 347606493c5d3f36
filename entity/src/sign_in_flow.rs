//! A sign-in at an identity provider that has begun.

use sea_orm::entity::prelude::*;

/// A row of `sign_in_flow`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_flow")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: String,
    pub provider_id: Uuid,
    pub nonce: String,
    pub code_verifier: String,
    pub browser_hash: String,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
