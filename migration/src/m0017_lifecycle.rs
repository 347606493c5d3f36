//! Which execution another one repeats, and since when one is paused.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, maybe_time, partial_index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for mut column in [Columns::of(manager).maybe_uuid("rerun_of"), maybe_time("paused_at_ms")] {
            manager.alter_table(Table::alter().table("execution").add_column(&mut column).take()).await?;
        }
        let reruns = partial_index("execution", "execution_rerun_idx", &["rerun_of", "id"], "rerun_of is not null");
        manager.create_index(reruns).await?;
        let paused = partial_index("execution", "execution_paused_idx", &["paused_at_ms"], "paused_at_ms is not null");
        manager.create_index(paused).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["execution_paused_idx", "execution_rerun_idx"] {
            manager.drop_index(Index::drop().name(index).table("execution").to_owned()).await?;
        }
        for column in ["paused_at_ms", "rerun_of"] {
            let drop = Table::alter().table("execution").drop_column(column).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
