//! Rules that workflows share, every content that they had, where they are used, and which of them an execution has.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_json, maybe_text, primary_key, protect, small, table, text,
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
            text("slug"),
            text("name"),
            maybe_text("description"),
            small("kind"),
            json("definition"),
            maybe_json("input_schema"),
            // Of the content; `revision` counts every change.
            int("version"),
            flag("is_enabled"),
            int("revision"),
            time("created_at_ms"),
            text("created_by"),
            time("updated_at_ms"),
            text("updated_by"),
        ];
        let rule = table("rule", columns)
            .primary_key(&mut primary_key("rule_pkey", &["id"]))
            .index(&mut unique("rule_slug_key", &["organization_id", "slug"]))
            .take();
        manager.create_table(rule).await?;
        protect(manager, "rule").await?;
        manager.create_index(index("rule", "rule_list_idx", &["organization_id", "id"])).await?;
        // Never changed, and kept when the rule is deleted: executions that began with it go on with it.
        let columns = [
            c.uuid("organization_id"),
            c.uuid("rule_id"),
            int("number"),
            small("kind"),
            json("definition"),
            time("created_at_ms"),
            text("created_by"),
        ];
        let version = table("rule_version", columns)
            .primary_key(&mut primary_key("rule_version_pkey", &["rule_id", "number"]))
            .take();
        manager.create_table(version).await?;
        protect(manager, "rule_version").await?;
        manager
            .create_index(index("rule_version", "rule_version_organization_idx", &["organization_id", "rule_id"]))
            .await?;
        // The places of published versions that name a rule.
        let columns = [
            c.uuid("organization_id"),
            c.uuid("rule_id"),
            c.uuid("workflow_id"),
            // JSON Pointer of the name in the definition.
            text("pointer"),
            text("step"),
        ];
        let used = table("rule_use", columns)
            .primary_key(&mut primary_key("rule_use_pkey", &["workflow_id", "pointer"]))
            .take();
        manager.create_table(used).await?;
        protect(manager, "rule_use").await?;
        manager
            .create_index(index("rule_use", "rule_use_rule_idx", &["organization_id", "rule_id", "workflow_id"]))
            .await?;
        let mut rules = maybe_json("rules");
        manager.alter_table(Table::alter().table("execution").add_column(&mut rules).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("execution").drop_column("rules").take()).await?;
        drop_tables(manager, &["rule_use", "rule_version", "rule"]).await
    }
}
