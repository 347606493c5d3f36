//! A workflow, across all of its versions.

use sea_orm::entity::prelude::*;

/// A row of `workflow`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub namespace: String,
    /// JSON list of texts.
    pub tags: String,
    pub is_enabled: bool,
    pub disabled_reason: Option<String>,
    pub revision: i32,
    pub draft_source: Option<String>,
    pub draft_format: Option<String>,
    pub published_version_id: Option<Uuid>,
    pub published_number: Option<i32>,
    pub created_at_ms: i64,
    pub created_by: String,
    pub updated_at_ms: i64,
    pub archived_at_ms: Option<i64>,
    /// JSON.
    pub draft_layout: Option<String>,
    /// Number of the version that the draft began with.
    pub draft_based_on: Option<i32>,
    pub draft_saved_at_ms: Option<i64>,
    pub draft_saved_by: Option<String>,
    pub idempotency_key: Option<String>,
    pub archived_reason: Option<String>,
    pub deleted_at_ms: Option<i64>,
}

/// None: rows are joined where a query needs it.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
