//! Work on many executions in the background, and what of it was not possible.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_json, maybe_text, maybe_time, partial_index, primary_key,
    protect, small, table, text, time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(operation(c)).await?;
        protect(manager, "bulk_operation").await?;
        manager.create_table(failure(c)).await?;
        protect(manager, "bulk_failure").await?;
        // What a tick asks: whichever operations have to go on now.
        let due = partial_index("bulk_operation", "bulk_operation_due_idx", &["due_at_ms"], "due_at_ms is not null");
        manager.create_index(due).await?;
        let listed = index("bulk_operation", "bulk_operation_organization_idx", &["organization_id", "id"]);
        manager.create_index(listed).await?;
        let ended =
            partial_index("bulk_operation", "bulk_operation_ended_idx", &["ended_at_ms"], "ended_at_ms is not null");
        manager.create_index(ended).await?;
        // Organizations are emptied by it.
        manager.create_index(index("bulk_failure", "bulk_failure_organization_idx", &["organization_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["bulk_failure", "bulk_operation"]).await
    }
}

fn operation(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        // 0 cancel, 1 pause, 2 resume, 3 retry.
        small("kind"),
        // 0 pending, 1 running, 2 paused, 3 completed, 4 cancelled, 5 failed.
        small("status"),
        // Which executions, as it was when it was accepted.
        json("filter"),
        // What the kind needs beside.
        maybe_json("arguments"),
        text("reason"),
        flag("is_dry_run"),
        int("rate_per_second"),
        text("created_by"),
        // Whose rights it has, looked up before every part of it.
        json("acts_as"),
        time("total"),
        // The total is known: the second walk, which works, has begun.
        flag("is_counted"),
        time("succeeded"),
        time("failed"),
        time("skipped"),
        // The last execution that the present walk has passed.
        c.maybe_uuid("position"),
        // Rises with every claim: who writes names it.
        int("epoch"),
        // Until then whoever claimed it is at work; 0 when nobody is.
        time("lease_until_ms"),
        // When it goes on; absent when it does not.
        maybe_time("due_at_ms"),
        maybe_text("status_reason"),
        time("created_at_ms"),
        maybe_time("ended_at_ms"),
    ];
    table("bulk_operation", columns)
        .primary_key(&mut primary_key("bulk_operation_pkey", &["id"]))
        .check(("bulk_operation_status_check", Expr::cust("status between 0 and 5")))
        .check(("bulk_operation_ended_check", Expr::cust("(status >= 3) = (ended_at_ms is not null)")))
        .check(("bulk_operation_due_check", Expr::cust("due_at_ms is null or status <= 1")))
        .take()
}

fn failure(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("operation_id"),
        // The execution.
        c.uuid("id"),
        c.uuid("organization_id"),
        text("code"),
        text("message"),
        time("at_ms"),
    ];
    table("bulk_failure", columns).primary_key(&mut primary_key("bulk_failure_pkey", &["operation_id", "id"])).take()
}
