//! What an organization sets up for its definitions: secrets, variables, services and resources; and which published
//! versions name them.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_json, maybe_text, maybe_time, primary_key, protect, small,
    table, text, time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Who made a row and who changed it, last in every table of parts.
fn changes() -> [ColumnDef; 5] {
    [int("revision"), time("created_at_ms"), text("created_by"), time("updated_at_ms"), text("updated_by")]
}

/// A table of parts, each with a name of its own in the organization.
async fn parts(
    manager: &SchemaManager<'_>,
    name: &'static str,
    [primary, named, listed]: [&'static str; 3],
    columns: impl IntoIterator<Item = ColumnDef>,
) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let first = [c.uuid("id"), c.uuid("organization_id"), text("name")];
    let made = table(name, first.into_iter().chain(columns).chain(changes()))
        .primary_key(&mut primary_key(primary, &["id"]))
        .index(&mut unique(named, &["organization_id", "name"]))
        .take();
    manager.create_table(made).await?;
    protect(manager, name).await?;
    manager.create_index(index(name, listed, &["organization_id", "id"])).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let columns = [
            maybe_text("description"),
            // Sealed under a key of the installation.
            text("value"),
            text("fingerprint"),
            maybe_json("allowed_hosts"),
            maybe_time("rotate_at_ms"),
            maybe_time("last_used_at_ms"),
            int("version"),
        ];
        parts(manager, "secret", ["secret_pkey", "secret_name_key", "secret_list_idx"], columns).await?;
        let columns = [maybe_text("description"), json("value"), maybe_json("schema")];
        parts(manager, "variable", ["variable_pkey", "variable_name_key", "variable_list_idx"], columns).await?;
        let columns = [
            text("title"),
            small("kind"),
            maybe_text("base_url"),
            small("auth_kind"),
            // Names of parts never change, so they are what others refer to them by.
            maybe_text("auth_secret"),
            maybe_text("auth_header"),
            json("settings"),
        ];
        parts(manager, "service", ["service_pkey", "service_name_key", "service_list_idx"], columns).await?;
        let secret = index("service", "service_secret_idx", &["organization_id", "auth_secret"]);
        manager.create_index(secret).await?;
        let columns = [
            maybe_text("description"),
            text("service"),
            json("request"),
            maybe_text("result_path"),
            maybe_json("output_schema"),
            flag("is_required"),
            time("time_to_live_ms"),
        ];
        let names = ["resource_loader_pkey", "resource_loader_name_key", "resource_loader_list_idx"];
        parts(manager, "resource_loader", names, columns).await?;
        let service = index("resource_loader", "resource_loader_service_idx", &["organization_id", "service"]);
        manager.create_index(service).await?;
        // The names that published versions have, whether there is such a part or not.
        let columns = [c.uuid("organization_id"), c.uuid("workflow_id"), small("kind"), text("name")];
        let used = table("part_use", columns)
            .primary_key(&mut primary_key("part_use_pkey", &["workflow_id", "kind", "name"]))
            .take();
        manager.create_table(used).await?;
        protect(manager, "part_use").await?;
        let named = index("part_use", "part_use_name_idx", &["organization_id", "kind", "name", "workflow_id"]);
        manager.create_index(named).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["part_use", "resource_loader", "service", "variable", "secret"]).await
    }
}
