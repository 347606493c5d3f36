//! Organizations, workflows, versions, event triggers.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_int, maybe_text, maybe_time, primary_key, table, text, time,
    unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let organization = table("organization", [c.uuid("id"), text("slug"), text("name"), time("created_at_ms")])
            .primary_key(&mut primary_key("organization_pkey", &["id"]))
            .index(&mut unique("organization_slug_key", &["slug"]))
            .take();
        manager.create_table(organization).await?;
        manager.create_table(workflow(c)).await?;
        let by_name = index("workflow", "workflow_name_idx", &["organization_id", "name", "id"]);
        manager.create_index(by_name).await?;
        let by_change = index("workflow", "workflow_updated_idx", &["organization_id", "updated_at_ms", "id"]);
        manager.create_index(by_change).await?;
        manager.create_table(workflow_version(c)).await?;
        let event_trigger = table(
            "event_trigger",
            [
                c.uuid("workflow_id"),
                int("ordinal"),
                c.uuid("organization_id"),
                c.uuid("version_id"),
                text("pattern"),
                flag("is_exact"),
                flag("is_enabled"),
            ],
        )
        .primary_key(&mut primary_key("event_trigger_pkey", &["workflow_id", "ordinal"]))
        .take();
        manager.create_table(event_trigger).await?;
        let by_pattern = index(
            "event_trigger",
            "event_trigger_pattern_idx",
            &["organization_id", "is_enabled", "is_exact", "pattern"],
        );
        manager.create_index(by_pattern).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["event_trigger", "workflow_version", "workflow", "organization"]).await
    }
}

fn workflow(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("slug"),
        text("name"),
        maybe_text("description"),
        text("namespace"),
        json("tags"),
        flag("is_enabled"),
        maybe_text("disabled_reason"),
        int("revision"),
        maybe_text("draft_source"),
        maybe_text("draft_format"),
        c.maybe_uuid("published_version_id"),
        maybe_int("published_number"),
        time("created_at_ms"),
        text("created_by"),
        time("updated_at_ms"),
        maybe_time("archived_at_ms"),
    ];
    table("workflow", columns)
        .primary_key(&mut primary_key("workflow_pkey", &["id"]))
        .index(&mut unique("workflow_slug_key", &["organization_id", "slug"]))
        .check(("workflow_revision_check", Expr::cust("revision > 0")))
        .take()
}

fn workflow_version(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("workflow_id"),
        int("number"),
        maybe_text("label"),
        maybe_text("changelog"),
        json("definition"),
        text("source"),
        text("format"),
        text("checksum"),
        json("problems"),
        time("published_at_ms"),
        text("published_by"),
    ];
    table("workflow_version", columns)
        .primary_key(&mut primary_key("workflow_version_pkey", &["id"]))
        .index(&mut unique("workflow_version_number_key", &["workflow_id", "number"]))
        .take()
}
