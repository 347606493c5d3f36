//! Which executions are awaited by the one that started them.

use sea_orm_migration::prelude::*;

use crate::columns::{flag, partial_index};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Those that live know it from their triggers, which this program wrote: JSON without spaces.
const AWAITED_BEFORE: &str = r#"
    update execution
    set awaited = true
    where parent_id is not null and ended_at_ms is null and trigger_data like '%"waits":true%'
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = flag("awaited").default(false).take();
        manager.alter_table(Table::alter().table("execution").add_column(&mut column).take()).await?;
        manager.get_connection().execute_unprepared(AWAITED_BEFORE).await?;
        // What the end of a parent and the reconciler ask: few rows, and none for long.
        let (columns, live) = (&["parent_id", "id"], "awaited and ended_at_ms is null");
        manager.create_index(partial_index("execution", "execution_awaited_idx", columns, live)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("execution_awaited_idx").table("execution").to_owned()).await?;
        manager.alter_table(Table::alter().table("execution").drop_column("awaited").take()).await
    }
}
