//! The second wall between tenants, around every table that has rows of organizations.

use sea_orm_migration::prelude::*;

use crate::columns::{protect, protect_by, unprotect};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Their rows name their organization in `organization_id`.
const TABLES: [&str; 18] = [
    "api_key",
    "event",
    "event_key",
    "event_trigger",
    "execution",
    "execution_label",
    "identity_provider",
    "invitation",
    "journal",
    "membership",
    "retention",
    "role",
    "signal",
    "slot",
    "start_key",
    "wait",
    "workflow",
    "workflow_version",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        protect_by(manager, "organization", "id").await?;
        for table in TABLES {
            protect(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.into_iter().rev() {
            unprotect(manager, table).await?;
        }
        unprotect(manager, "organization").await
    }
}
