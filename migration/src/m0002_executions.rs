//! Executions with their labels, idempotency keys, journal and waits.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, int, json, maybe_json, maybe_small, maybe_text, maybe_time, partial_index,
    primary_key, small, table, text, time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(execution(c)).await?;
        for index in execution_indexes() {
            manager.create_index(index).await?;
        }
        let label =
            table("execution_label", [c.uuid("organization_id"), text("name"), text("value"), c.uuid("execution_id")])
                .primary_key(&mut primary_key(
                    "execution_label_pkey",
                    &["organization_id", "name", "value", "execution_id"],
                ))
                .take();
        manager.create_table(label).await?;
        let start_key = table(
            "start_key",
            [
                c.uuid("organization_id"),
                text("key"),
                c.uuid("execution_id"),
                text("fingerprint"),
                time("created_at_ms"),
            ],
        )
        .primary_key(&mut primary_key("start_key_pkey", &["organization_id", "key"]))
        .take();
        manager.create_table(start_key).await?;
        manager.create_table(journal(c)).await?;
        // On SQLite the position alone is the order of commits, so it stands where PostgreSQL has the transaction.
        let order: &[&str] =
            if c.is_postgres() { &["organization_id", "xid", "position"] } else { &["organization_id", "position"] };
        manager.create_index(index("journal", "journal_change_idx", order)).await?;
        let mut wait = table(
            "wait",
            [
                c.position(),
                c.uuid("organization_id"),
                c.uuid("execution_id"),
                text("step_path"),
                text("kind"),
                maybe_time("due_at_ms"),
            ],
        );
        if c.is_postgres() {
            wait.primary_key(&mut primary_key("wait_pkey", &["position"]));
        }
        manager.create_table(wait).await?;
        manager.create_index(index("wait", "wait_execution_idx", &["execution_id"])).await?;
        manager.create_index(partial_index("wait", "wait_due_idx", &["due_at_ms"], "due_at_ms is not null")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["wait", "journal", "start_key", "execution_label", "execution"]).await
    }
}

fn execution(c: Columns) -> TableCreateStatement {
    let columns = vec![
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("workflow_id"),
        c.uuid("version_id"),
        int("version_number"),
        small("status"),
        maybe_small("result"),
        maybe_text("key"),
        small("priority"),
        text("queue"),
        small("trigger_type"),
        json("trigger_data"),
        c.maybe_uuid("event_id"),
        text("started_by"),
        json("input"),
        json("labels"),
        maybe_json("state"),
        int("seq"),
        int("epoch"),
        c.maybe_uuid("worker_id"),
        small("claims"),
        maybe_json("decision"),
        maybe_text("error_code"),
        maybe_text("error_message"),
        maybe_text("failed_step"),
        maybe_text("idempotency_key"),
        time("queued_at_ms"),
        maybe_time("started_at_ms"),
        maybe_time("ended_at_ms"),
        maybe_time("deadline_at_ms"),
        maybe_time("wake_at_ms"),
        time("pushed_at_ms"),
    ];
    let mut table = table("execution", columns)
        .primary_key(&mut primary_key("execution_pkey", &["id"]))
        .check(("execution_status_check", Expr::cust("status between 0 and 7")))
        .check(("execution_priority_check", Expr::cust("priority between 0 and 9")))
        .check(("execution_claimed_check", Expr::cust("(worker_id is not null) = (status = 1)")))
        .check(("execution_ended_check", Expr::cust("(ended_at_ms is not null) = (status >= 5)")))
        .take();
    if c.is_postgres() {
        // A row is written about three times in its short life: room for the next version on the same page.
        table.extra("with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)");
    }
    table
}

/// Every change of status writes every index that covers the row again, so the ordinary path
/// (queued, running, completed) meets only three that cover all rows; the others cover few.
fn execution_indexes() -> [IndexCreateStatement; 8] {
    let on = "execution";
    [
        index(on, "execution_list_idx", &["organization_id", "id"]),
        index(on, "execution_workflow_idx", &["organization_id", "workflow_id", "id"]),
        partial_index(on, "execution_key_idx", &["organization_id", "key", "id"], "key is not null"),
        partial_index(on, "execution_event_idx", &["event_id"], "event_id is not null"),
        partial_index(on, "execution_queued_idx", &["queue", "priority desc", "id"], "status = 0"),
        partial_index(on, "execution_pushed_idx", &["pushed_at_ms"], "status = 0"),
        partial_index(on, "execution_claimed_idx", &["worker_id"], "worker_id is not null"),
        // What people look for among many that ended well. The same list stands in the store's filter.
        partial_index(on, "execution_notable_idx", &["organization_id", "status", "id"], "status in (2, 3, 4, 6, 7)"),
    ]
}

fn journal(c: Columns) -> TableCreateStatement {
    let mut table = table(
        "journal",
        [
            c.position(),
            c.uuid("organization_id"),
            c.uuid("execution_id"),
            int("seq"),
            int("epoch"),
            json("events"),
            time("at_ms"),
        ],
    );
    if c.is_postgres() {
        // Positions are given before the commit; by the transaction a reader knows what may still appear.
        let mut xid =
            ColumnDef::new("xid").custom("xid8").not_null().default(Expr::cust("pg_current_xact_id()")).take();
        table.col(&mut xid).primary_key(&mut primary_key("journal_pkey", &["execution_id", "seq"]));
    } else {
        table.index(&mut unique("journal_pkey", &["execution_id", "seq"]));
    }
    table
}
