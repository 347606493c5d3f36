//! Addresses that are told of what happens, and what they were told.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_int, maybe_json, maybe_text, maybe_time, partial_index,
    primary_key, protect, small, table, text, time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(endpoint(c)).await?;
        protect(manager, "webhook_endpoint").await?;
        manager.create_table(place(c)).await?;
        protect(manager, "webhook_place").await?;
        manager.create_table(delivery(c)).await?;
        protect(manager, "webhook_delivery").await?;
        manager.create_table(attempt(c)).await?;
        protect(manager, "webhook_attempt").await?;
        for index in [
            index("webhook_endpoint", "webhook_endpoint_organization_idx", &["organization_id", "id"]),
            // What a tick asks: whichever messages have to be sent now.
            partial_index("webhook_delivery", "webhook_delivery_due_idx", &["due_at_ms"], "due_at_ms is not null"),
            index("webhook_delivery", "webhook_delivery_endpoint_idx", &["endpoint_id", "id"]),
            partial_index(
                "webhook_delivery",
                "webhook_delivery_open_idx",
                &["endpoint_id", "due_at_ms"],
                "due_at_ms is not null",
            ),
            partial_index(
                "webhook_delivery",
                "webhook_delivery_leased_idx",
                &["organization_id", "endpoint_id"],
                "lease_until_ms > 0",
            ),
            partial_index(
                "webhook_delivery",
                "webhook_delivery_failed_idx",
                &["endpoint_id", "id"],
                "status <> 1 and attempts > 0",
            ),
            index("webhook_delivery", "webhook_delivery_created_idx", &["created_at_ms"]),
            // Organizations are emptied by them.
            index("webhook_delivery", "webhook_delivery_organization_idx", &["organization_id"]),
            index("webhook_attempt", "webhook_attempt_organization_idx", &["organization_id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["webhook_attempt", "webhook_delivery", "webhook_place", "webhook_endpoint"];
        drop_tables(manager, &tables).await
    }
}

fn endpoint(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("url"),
        maybe_text("description"),
        json("event_types"),
        // Ids of the workflows that it is told of; of all when absent.
        maybe_json("workflow_ids"),
        flag("is_enabled"),
        // Why it was switched off by itself.
        maybe_text("disabled_reason"),
        // Sealed.
        text("secret"),
        maybe_text("previous_secret"),
        maybe_time("previous_until_ms"),
        // Since when nothing has come through.
        maybe_time("failing_since_ms"),
        int("revision"),
        time("created_at_ms"),
        text("created_by"),
        time("updated_at_ms"),
    ];
    table("webhook_endpoint", columns).primary_key(&mut primary_key("webhook_endpoint_pkey", &["id"])).take()
}

fn place(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        // Everything in the journals before it has been told.
        json("place"),
    ];
    table("webhook_place", columns).primary_key(&mut primary_key("webhook_place_pkey", &["organization_id"])).take()
}

fn delivery(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("endpoint_id"),
        text("event_type"),
        json("body"),
        // 0 pending, 1 delivered, 2 given up.
        small("status"),
        // Of the present round: somebody may begin another one.
        int("tries"),
        // Of all rounds.
        int("attempts"),
        int("epoch"),
        time("lease_until_ms"),
        // When it is sent; absent when it is not.
        maybe_time("due_at_ms"),
        time("created_at_ms"),
    ];
    table("webhook_delivery", columns)
        .primary_key(&mut primary_key("webhook_delivery_pkey", &["id"]))
        .check(("webhook_delivery_status_check", Expr::cust("status between 0 and 2")))
        .take()
}

fn attempt(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("delivery_id"),
        int("number"),
        c.uuid("organization_id"),
        time("at_ms"),
        time("duration_ms"),
        maybe_int("status_code"),
        maybe_text("error"),
        // The first of what was answered.
        maybe_text("excerpt"),
    ];
    table("webhook_attempt", columns)
        .primary_key(&mut primary_key("webhook_attempt_pkey", &["delivery_id", "number"]))
        .take()
}
