//! Worker processes and their heartbeats. The fleet is shared, so these rows belong to no organization.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, flag, int, json, primary_key, table, text, time};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            c.uuid("id"),
            text("name"),
            json("queues"),
            int("slots"),
            time("started_at_ms"),
            time("heartbeat_at_ms"),
            flag("draining"),
        ];
        let worker = table("worker", columns).primary_key(&mut primary_key("worker_pkey", &["id"])).take();
        manager.create_table(worker).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["worker"]).await
    }
}
