//! What people decided about approvals, one row a person.

use sea_orm::entity::prelude::*;

/// A row of `approval_decision`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval_decision")]
pub struct Model {
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub approval_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub person: String,
    /// What they decided with: themselves, or a key.
    pub actor: String,
    pub approves: bool,
    /// It settled the approval.
    pub closes: bool,
    pub reason: Option<String>,
    /// JSON.
    pub form: Option<String>,
    pub channel: String,
    pub at_ms: i64,
    /// The person whose voice it is, where it is not their own.
    pub on_behalf_of: Option<String>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
