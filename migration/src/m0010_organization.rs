//! What an organization is, its revision, and since when it is deleted.

use sea_orm_migration::prelude::*;

use crate::columns::{maybe_text, maybe_time};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let revision = ColumnDef::new("revision").integer().not_null().default(1).take();
        // Access ends when `deleted_at_ms` is set; a reconciler deletes the rows later.
        let columns = [maybe_text("description"), revision, maybe_time("updated_at_ms"), maybe_time("deleted_at_ms")];
        // SQLite adds one column at a time.
        for mut column in columns {
            manager.alter_table(Table::alter().table("organization").add_column(&mut column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["deleted_at_ms", "updated_at_ms", "revision", "description"] {
            let drop = Table::alter().table("organization").drop_column(column).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
