//! Drafts that know who saved them and what they began with; workflows that are created once, archived, deleted.

use sea_orm_migration::prelude::*;

use crate::columns::{index, maybe_int, maybe_json, maybe_text, maybe_time, partial_index};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The columns, in the order in which they are added.
fn columns() -> [ColumnDef; 7] {
    [
        // Places of the steps on the canvas.
        maybe_json("draft_layout"),
        // Number of the version that the draft began with.
        maybe_int("draft_based_on"),
        maybe_time("draft_saved_at_ms"),
        maybe_text("draft_saved_by"),
        maybe_text("idempotency_key"),
        maybe_text("archived_reason"),
        // It is gone for everybody; its rows go bit by bit.
        maybe_time("deleted_at_ms"),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for mut column in columns() {
            manager.alter_table(Table::alter().table("workflow").add_column(&mut column).take()).await?;
        }
        let keys = index("workflow", "workflow_idempotency_key", &["organization_id", "idempotency_key"]);
        manager.create_index(keys.clone().unique().take()).await?;
        let deleted = partial_index("workflow", "workflow_deleted_idx", &["id"], "deleted_at_ms is not null");
        manager.create_index(deleted).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["workflow_deleted_idx", "workflow_idempotency_key"] {
            manager.drop_index(Index::drop().name(name).table("workflow").to_owned()).await?;
        }
        for column in columns().into_iter().rev() {
            let drop = Table::alter().table("workflow").drop_column(column.get_column_name()).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
