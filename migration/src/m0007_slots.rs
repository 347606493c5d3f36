//! Which executions may be under way, of those whose workflow limits how many with one key may.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, flag, int, partial_index, primary_key, small, table, text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            c.uuid("execution_id"),
            c.uuid("organization_id"),
            c.uuid("workflow_id"),
            text("key"),
            small("priority"),
            int("slots"),
            flag("held"),
        ];
        let slot = table("slot", columns).primary_key(&mut primary_key("slot_pkey", &["execution_id"])).take();
        manager.create_table(slot).await?;
        let held = partial_index("slot", "slot_held_idx", &["workflow_id", "key", "execution_id"], "held");
        manager.create_index(held).await?;
        let next = &["workflow_id", "key", "priority desc", "execution_id"];
        manager.create_index(partial_index("slot", "slot_awaited_idx", next, "not held")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["slot"]).await
    }
}
