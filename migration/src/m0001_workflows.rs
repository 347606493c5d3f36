//! Organizations, workflows, versions, event triggers.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, index, primary_key, table, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let organization = table("organization", [c.uuid("id"), c.text("slug"), c.text("name"), c.time("created_at_ms")])
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
                c.int("ordinal"),
                c.uuid("organization_id"),
                c.uuid("version_id"),
                c.text("pattern"),
                c.flag("is_exact"),
                c.flag("is_enabled"),
            ],
        )
        .primary_key(&mut primary_key("event_trigger_pkey", &["workflow_id", "ordinal"]))
        .take();
        manager.create_table(event_trigger).await?;
        let by_pattern =
            index("event_trigger", "event_trigger_pattern_idx", &["organization_id", "is_enabled", "is_exact", "pattern"]);
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
        c.text("slug"),
        c.text("name"),
        c.maybe_text("description"),
        c.text("namespace"),
        c.json("tags"),
        c.flag("is_enabled"),
        c.maybe_text("disabled_reason"),
        c.int("revision"),
        c.maybe_text("draft_source"),
        c.maybe_text("draft_format"),
        c.maybe_uuid("published_version_id"),
        c.maybe_int("published_number"),
        c.time("created_at_ms"),
        c.text("created_by"),
        c.time("updated_at_ms"),
        c.maybe_time("archived_at_ms"),
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
        c.int("number"),
        c.maybe_text("label"),
        c.maybe_text("changelog"),
        c.json("definition"),
        c.text("source"),
        c.text("format"),
        c.text("checksum"),
        c.json("problems"),
        c.time("published_at_ms"),
        c.text("published_by"),
    ];
    table("workflow_version", columns)
        .primary_key(&mut primary_key("workflow_version_pkey", &["id"]))
        .index(&mut unique("workflow_version_number_key", &["workflow_id", "number"]))
        .take()
}
