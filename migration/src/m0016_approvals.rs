//! What people have to decide: approvals, who may decide them, who did, and everything that happened to them.

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
        manager.create_table(approval(c)).await?;
        protect(manager, "approval").await?;
        manager.create_table(assignee(c)).await?;
        protect(manager, "approval_assignee").await?;
        manager.create_table(decision(c)).await?;
        protect(manager, "approval_decision").await?;
        manager.create_table(event(c)).await?;
        protect(manager, "approval_event").await?;
        // On SQLite the position alone is the order of commits, so it stands where PostgreSQL has the transaction.
        let order: &[&str] =
            if c.is_postgres() { &["organization_id", "xid", "position"] } else { &["organization_id", "position"] };
        for index in [
            index("approval", "approval_status_idx", &["organization_id", "status", "requested_at_ms", "id"]),
            index("approval", "approval_execution_idx", &["execution_id", "id"]),
            partial_index(
                "approval",
                "approval_entity_idx",
                &["organization_id", "entity", "entity_id"],
                "entity is not null",
            ),
            index("approval", "approval_requested_idx", &["organization_id", "requested_at_ms", "id"]),
            // Organizations are emptied by them.
            index("approval_assignee", "approval_assignee_organization_idx", &["organization_id"]),
            index("approval_decision", "approval_decision_organization_idx", &["organization_id"]),
            // One decision ever: the database refuses a second one.
            partial_index("approval_decision", "approval_decided_key", &["approval_id"], "closes").unique().take(),
            index("approval_event", "approval_event_idx", &["approval_id", "position"]),
            index("approval_event", "approval_change_idx", order),
        ] {
            manager.create_index(index).await?;
        }
        // The order of the list, word for word as the store asks for it.
        let due = "create index approval_due_idx on approval \
            (organization_id, coalesce(expires_at_ms, 9223372036854775807), id)";
        manager.get_connection().execute_unprepared(due).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["approval_event", "approval_decision", "approval_assignee", "approval"]).await
    }
}

fn approval(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("execution_id"),
        c.uuid("workflow_id"),
        text("step_path"),
        // 0 pending, 1 approved, 2 rejected, 3 expired, 4 cancelled.
        small("status"),
        // What is asked, rendered: reason, data, form.
        json("request"),
        maybe_text("entity"),
        maybe_text("entity_id"),
        // How many have to approve, and how many did.
        int("quorum"),
        int("votes"),
        flag("allow_self"),
        // Who started the execution, or the one that led to it.
        text("requester"),
        // Rises when who may decide changes.
        int("revision"),
        time("requested_at_ms"),
        maybe_time("expires_at_ms"),
        maybe_time("remind_at_ms"),
        maybe_time("escalate_at_ms"),
        maybe_text("escalated_role"),
        maybe_time("decided_at_ms"),
        // Nobody when it expired or was cancelled.
        maybe_text("decided_by"),
        maybe_text("reason"),
    ];
    table("approval", columns)
        .primary_key(&mut primary_key("approval_pkey", &["id"]))
        .check(("approval_status_check", Expr::cust("status between 0 and 4")))
        .check(("approval_decided_check", Expr::cust("(status = 0) = (decided_at_ms is null)")))
        .take()
}

fn assignee(c: Columns) -> TableCreateStatement {
    // `role:NAME`, `user:ID` or `user:ADDRESS`.
    let columns = [c.uuid("organization_id"), c.uuid("approval_id"), text("assignee")];
    table("approval_assignee", columns)
        .primary_key(&mut primary_key("approval_assignee_pkey", &["approval_id", "assignee"]))
        .take()
}

fn decision(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        c.uuid("approval_id"),
        // The person: one decision each, whatever they decide with.
        text("person"),
        // What they decided with: themselves, or a key.
        text("actor"),
        flag("approves"),
        // It settled the approval.
        flag("closes"),
        maybe_text("reason"),
        maybe_json("form"),
        text("channel"),
        time("at_ms"),
    ];
    table("approval_decision", columns)
        .primary_key(&mut primary_key("approval_decision_pkey", &["approval_id", "person"]))
        .take()
}

fn event(c: Columns) -> TableCreateStatement {
    let columns = [
        c.position(),
        c.uuid("organization_id"),
        c.uuid("approval_id"),
        text("kind"),
        // Nobody when it happened by itself.
        maybe_text("actor"),
        maybe_text("detail"),
        // Of a comment: its id.
        c.maybe_uuid("comment_id"),
        time("at_ms"),
    ];
    let mut table = table("approval_event", columns);
    if c.is_postgres() {
        // Positions are given before the commit; by the transaction a reader knows what may still appear.
        let mut xid =
            ColumnDef::new("xid").custom("xid8").not_null().default(Expr::cust("pg_current_xact_id()")).take();
        table.col(&mut xid).primary_key(&mut primary_key("approval_event_pkey", &["position"]));
    }
    table
}
