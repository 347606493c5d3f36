//! GraphQL documents that callers name by their digest.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, index, primary_key, protect, table, text, time};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let mut documents = table(
            "persisted_document",
            [c.uuid("organization_id"), text("digest"), text("document"), time("created_at_ms")],
        );
        documents.primary_key(&mut primary_key("persisted_document_pk", &["organization_id", "digest"]));
        manager.create_table(documents).await?;
        protect(manager, "persisted_document").await?;
        let by_age = ["organization_id", "created_at_ms", "digest"];
        manager.create_index(index("persisted_document", "persisted_document_age_idx", &by_age)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["persisted_document"]).await
    }
}
