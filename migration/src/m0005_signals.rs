//! What wakes a waiting execution from outside: signals, awaited events, parents and children.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, json, maybe_text, partial_index, primary_key, small, table, time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            c.position(),
            c.uuid("organization_id"),
            c.uuid("execution_id"),
            json("data"),
            time("created_at_ms"),
            flag("delivered"),
        ];
        let mut signal = table("signal", columns);
        if c.is_postgres() {
            signal.primary_key(&mut primary_key("signal_pkey", &["position"]));
        }
        manager.create_table(signal).await?;
        manager.create_index(index("signal", "signal_execution_idx", &["execution_id", "position"])).await?;
        let undelivered = partial_index("signal", "signal_undelivered_idx", &["created_at_ms"], "not delivered");
        manager.create_index(undelivered).await?;

        // SQLite adds one column in a statement.
        for column in [
            small("depth").default(0).take(),
            c.maybe_uuid("parent_id"),
            ColumnDef::new("signals").integer().not_null().default(0).take(),
        ] {
            add_column(manager, "execution", column).await?;
        }
        let parents = partial_index("execution", "execution_parent_idx", &["parent_id", "id"], "parent_id is not null");
        manager.create_index(parents).await?;
        for column in [maybe_text("event"), maybe_text("correlation"), maybe_text("keys"), maybe_text("target")] {
            add_column(manager, "wait", column).await?;
        }
        let events =
            partial_index("wait", "wait_event_idx", &["organization_id", "event", "position"], "event is not null");
        manager.create_index(events).await?;
        add_column(manager, "event", small("depth").default(0).take()).await?;
        add_column(manager, "event", maybe_text("about")).await?;
        manager.create_index(index("event", "event_about_idx", &["organization_id", "event_type", "about", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["signal"]).await?;
        manager.drop_index(Index::drop().name("execution_parent_idx").table("execution").to_owned()).await?;
        manager.drop_index(Index::drop().name("wait_event_idx").table("wait").to_owned()).await?;
        manager.drop_index(Index::drop().name("event_about_idx").table("event").to_owned()).await?;
        for (table, columns) in [
            ("execution", &["depth", "parent_id", "signals"][..]),
            ("wait", &["event", "correlation", "keys", "target"][..]),
            ("event", &["depth", "about"][..]),
        ] {
            for column in columns {
                let drop = Table::alter().table(table).drop_column(Alias::new(*column)).take();
                manager.alter_table(drop).await?;
            }
        }
        Ok(())
    }
}

async fn add_column(manager: &SchemaManager<'_>, table: &'static str, mut column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(&mut column).take()).await
}
