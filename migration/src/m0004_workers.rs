//! Worker processes and their heartbeats. The fleet is shared, so these rows belong to no organization.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, primary_key, table};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            c.uuid("id"),
            c.text("name"),
            c.json("queues"),
            c.int("slots"),
            c.time("started_at_ms"),
            c.time("heartbeat_at_ms"),
            c.flag("draining"),
        ];
        let worker = table("worker", columns).primary_key(&mut primary_key("worker_pkey", &["id"])).take();
        manager.create_table(worker).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["worker"]).await
    }
}
