//! The audit log: a chain of entries for each organization, which triggers keep from being changed.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, maybe_json, maybe_text, primary_key, protect, table, text, time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(audit_entry(c)).await?;
        manager.create_table(audit_head(c)).await?;
        protect(manager, "audit_entry").await?;
        protect(manager, "audit_head").await?;
        for (name, columns) in [
            ("audit_entry_at_idx", ["organization_id", "at_ms"].as_slice()),
            ("audit_entry_actor_idx", ["organization_id", "actor_id", "seq"].as_slice()),
            ("audit_entry_action_idx", ["organization_id", "action", "seq"].as_slice()),
            ("audit_entry_target_idx", ["organization_id", "target_id", "seq"].as_slice()),
        ] {
            manager.create_index(index("audit_entry", name, columns)).await?;
        }
        let triggers =
            if c.is_postgres() { include_str!("audit/postgres.sql") } else { include_str!("audit/sqlite.sql") };
        manager.get_connection().execute_unprepared(triggers).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The triggers go with their tables.
        drop_tables(manager, &["audit_entry", "audit_head"]).await?;
        if Columns::of(manager).is_postgres() {
            manager.get_connection().execute_unprepared("drop function audit_entry_keeps()").await?;
        }
        Ok(())
    }
}

fn audit_entry(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        // 1, 2, 3 … for each organization.
        time("seq"),
        c.uuid("id"),
        time("at_ms"),
        text("actor_id"),
        text("actor_kind"),
        text("actor_name"),
        text("action"),
        text("outcome"),
        // Of the error, when there was one.
        maybe_text("code"),
        text("target_type"),
        text("target_id"),
        text("target_name"),
        maybe_json("changes"),
        maybe_text("reason"),
        maybe_text("remote_address"),
        maybe_text("user_agent"),
        text("request_id"),
        // HMAC-SHA256 in hexadecimal digits; of nothing before the first.
        text("previous_hash"),
        text("hash"),
    ];
    table("audit_entry", columns)
        .primary_key(&mut primary_key("audit_entry_pkey", &["organization_id", "seq"]))
        .index(&mut unique("audit_entry_id_key", &["id"]))
        .check(("audit_entry_outcome_check", Expr::cust("outcome in ('ok', 'refused', 'denied', 'failed')")))
        .take()
}

fn audit_head(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        // The last entry.
        time("seq"),
        text("hash"),
        // The last one that retention removed; 0 when it removed none.
        time("floor_seq"),
        text("floor_hash"),
        // Keyed digest of all that, so that nobody without the key sets the head back.
        text("seal"),
    ];
    table("audit_head", columns).primary_key(&mut primary_key("audit_head_pkey", &["organization_id"])).take()
}
