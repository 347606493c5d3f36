//! What operators look at and set: more about workers, the runs of reconcilers, how long executions are kept.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, index, maybe_text, maybe_time, primary_key, table, text, time};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // SQLite adds one column in a statement.
        for mut column in [
            text("host").default("").take(),
            text("version").default("").take(),
            time("lease_ms").default(0).take(),
            ColumnDef::new("busy_slots").integer().not_null().default(0).take(),
            time("processed").default(0).take(),
            time("failed").default(0).take(),
            maybe_time("last_fetch_at_ms"),
            maybe_time("drain_asked_at_ms"),
            maybe_time("stopped_at_ms"),
        ] {
            manager.alter_table(Table::alter().table("worker").add_column(&mut column).take()).await?;
        }
        let columns = [
            text("name"),
            time("last_run_at_ms"),
            time("last_duration_us"),
            time("last_count"),
            time("repaired"),
            maybe_text("last_error"),
        ];
        let reconciler =
            table("reconciler", columns).primary_key(&mut primary_key("reconciler_pkey", &["name"])).take();
        manager.create_table(reconciler).await?;
        // `scope_id` is an organization or one of its workflows.
        let columns = [
            c.uuid("scope_id"),
            c.uuid("organization_id"),
            maybe_time("completed_ms"),
            maybe_time("failed_ms"),
            maybe_time("cancelled_ms"),
        ];
        let retention =
            table("retention", columns).primary_key(&mut primary_key("retention_pkey", &["scope_id"])).take();
        manager.create_table(retention).await?;
        manager.create_index(index("retention", "retention_organization_idx", &["organization_id", "scope_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["retention", "reconciler"]).await?;
        for column in [
            "host",
            "version",
            "lease_ms",
            "busy_slots",
            "processed",
            "failed",
            "last_fetch_at_ms",
            "drain_asked_at_ms",
            "stopped_at_ms",
        ] {
            let drop = Table::alter().table("worker").drop_column(Alias::new(column)).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
