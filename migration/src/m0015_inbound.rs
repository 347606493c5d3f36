//! Addresses that others call to start workflows, with the secrets by which callers prove themselves; and events that
//! repeat others.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, maybe_json, maybe_text, maybe_time, primary_key, protect, table, text,
    time, unique,
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
            c.uuid("workflow_id"),
            // The published version that it belongs to; none when that has no such trigger any more. The row stays,
            // with its secrets, for when it has one again.
            c.maybe_uuid("version_id"),
            // Place in the definition's `triggers`.
            int("ordinal"),
            text("path"),
            text("method"),
            // `none`, `hmac_sha256`, `standard_webhooks`.
            text("verification"),
            // A copy of the workflow's, so that a call reads one row.
            flag("is_enabled"),
            // Encrypted, both.
            maybe_text("secret"),
            maybe_text("previous_secret"),
            maybe_time("previous_until_ms"),
            maybe_time("rotated_at_ms"),
            time("created_at_ms"),
        ];
        let hook = table("hook", columns)
            .primary_key(&mut primary_key("hook_pkey", &["id"]))
            .index(&mut unique("hook_address_key", &["organization_id", "path", "method"]))
            .take();
        manager.create_table(hook).await?;
        protect(manager, "hook").await?;
        manager.create_index(index("hook", "hook_list_idx", &["organization_id", "id"])).await?;
        manager.create_index(index("hook", "hook_workflow_idx", &["workflow_id"])).await?;
        // The event that it repeats, and a JSON list of the workflows that it is for; for all when absent.
        // And which outcomes there are among its matches, such as `|filtered|started|`.
        for mut column in [c.maybe_uuid("replay_of"), maybe_json("only_workflows"), maybe_text("outcomes")] {
            manager.alter_table(Table::alter().table("event").add_column(&mut column).take()).await?;
        }
        // Executions that waited when an event came, as far as it was held against their waits.
        let columns = [
            c.uuid("id"),
            c.uuid("organization_id"),
            c.uuid("event_id"),
            c.uuid("execution_id"),
            // False when the wait is for something else by the same name.
            flag("is_fitting"),
        ];
        let told = table("event_told", columns)
            .primary_key(&mut primary_key("event_told_pkey", &["id"]))
            .index(&mut unique("event_told_key", &["event_id", "execution_id"]))
            .take();
        manager.create_table(told).await?;
        protect(manager, "event_told").await?;
        manager.create_index(index("event_told", "event_told_list_idx", &["organization_id", "event_id", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["event_told"]).await?;
        for column in ["outcomes", "only_workflows", "replay_of"] {
            manager.alter_table(Table::alter().table("event").drop_column(column).take()).await?;
        }
        drop_tables(manager, &["hook"]).await
    }
}
