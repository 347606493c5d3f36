//! Events and their deduplication keys.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, json, maybe_json, maybe_text, maybe_time, partial_index, primary_key, table, text,
    time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            c.uuid("id"),
            c.uuid("organization_id"),
            text("event_type"),
            text("source"),
            maybe_text("subject"),
            json("payload"),
            maybe_text("deduplication_key"),
            time("occurred_at_ms"),
            time("received_at_ms"),
            maybe_time("routed_at_ms"),
            maybe_json("matches"),
        ];
        let event = table("event", columns).primary_key(&mut primary_key("event_pkey", &["id"])).take();
        manager.create_table(event).await?;
        manager.create_index(index("event", "event_list_idx", &["organization_id", "id"])).await?;
        manager.create_index(index("event", "event_type_idx", &["organization_id", "event_type", "id"])).await?;
        let unrouted = partial_index("event", "event_unrouted_idx", &["received_at_ms", "id"], "routed_at_ms is null");
        manager.create_index(unrouted).await?;
        let event_key = table(
            "event_key",
            [c.uuid("organization_id"), text("key"), c.uuid("event_id"), text("fingerprint"), time("created_at_ms")],
        )
        .primary_key(&mut primary_key("event_key_pkey", &["organization_id", "key"]))
        .take();
        manager.create_table(event_key).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["event_key", "event"]).await
    }
}
