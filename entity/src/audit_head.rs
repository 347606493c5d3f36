//! The end of the audit log of an organization, and what retention removed at its beginning.

use sea_orm::entity::prelude::*;

/// A row of `audit_head`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    pub seq: i64,
    pub hash: String,
    pub floor_seq: i64,
    pub floor_hash: String,
    pub seal: String,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
