//! What happened in each quarter of an hour, counted by the committers while they write it; and failures by cause.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, int, maybe_text, maybe_time, partial_index, primary_key, protect, small, table, text,
    time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(rollup(c)).await?;
        protect(manager, "rollup").await?;
        manager.create_table(error_group(c)).await?;
        protect(manager, "error_group").await?;
        for index in [
            // What was counted of one cause. The same condition stands in the store.
            partial_index("rollup", "rollup_failure_idx", &["organization_id", "step", "slice"], "what = 30"),
            // Organizations are emptied by it, and old causes are found.
            index("error_group", "error_group_seen_idx", &["organization_id", "first_seen_at_ms"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["error_group", "rollup"]).await
    }
}

fn rollup(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        // Quarters of an hour since 1970: every zone's days and hours begin with one.
        int("slice"),
        c.uuid("workflow_id"),
        small("what"),
        // Empty for what is counted of whole executions.
        text("step"),
        // Of the length of time, on a scale that grows with it; below zero when there is none.
        small("bucket"),
        // Of the process that writes: so that processes seldom wait for each other's commits.
        small("shard"),
        time("count"),
        time("total_ms"),
        time("least_ms"),
        time("most_ms"),
    ];
    let key = &["organization_id", "slice", "workflow_id", "what", "step", "bucket", "shard"];
    let mut table = table("rollup", columns).primary_key(&mut primary_key("rollup_pkey", key)).take();
    if c.is_postgres() {
        // A row is written again and again for a quarter of an hour: room for the next version on the same page.
        table.extra("with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)");
    }
    table
}

fn error_group(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("workflow_id"),
        // What it is counted under.
        text("fingerprint"),
        maybe_text("step"),
        text("code"),
        text("message"),
        // The first one; it may be gone.
        c.uuid("execution_id"),
        // 0 open, 1 resolved, 2 ignored; and since when.
        small("status"),
        maybe_time("status_at_ms"),
        time("first_seen_at_ms"),
    ];
    table("error_group", columns)
        .primary_key(&mut primary_key("error_group_pkey", &["id"]))
        .index(&mut unique("error_group_key", &["organization_id", "fingerprint"]))
        .check(("error_group_status_check", Expr::cust("status between 0 and 2")))
        .take()
}
