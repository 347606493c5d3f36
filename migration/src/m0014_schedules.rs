//! Schedules, and what came of each of their points in time.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_int, maybe_json, maybe_text, maybe_time, partial_index,
    primary_key, protect, small, table, text, time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        manager.create_table(schedule(c)).await?;
        manager.create_table(schedule_run(c)).await?;
        protect(manager, "schedule").await?;
        protect(manager, "schedule_run").await?;
        // What a tick asks: whichever schedules have to be looked at now.
        let awake = partial_index("schedule", "schedule_wake_idx", &["wake_at_ms"], "wake_at_ms is not null");
        manager.create_index(awake).await?;
        manager.create_index(index("schedule", "schedule_organization_idx", &["organization_id", "id"])).await?;
        manager.create_index(index("schedule", "schedule_workflow_idx", &["workflow_id", "id"])).await?;
        let open =
            partial_index("schedule_run", "schedule_run_open_idx", &["schedule_id", "scheduled_for_ms"], "is_open");
        manager.create_index(open).await?;
        manager.create_index(index("schedule_run", "schedule_run_organization_idx", &["organization_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["schedule_run", "schedule"]).await
    }
}

fn schedule(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("workflow_id"),
        text("name"),
        maybe_text("description"),
        // Spec, zone and policies.
        json("timing"),
        maybe_json("input"),
        // Place of the trigger of a definition that it belongs to.
        maybe_int("trigger_ordinal"),
        flag("is_enabled"),
        maybe_time("paused_at_ms"),
        maybe_text("paused_reason"),
        maybe_text("paused_by"),
        // Points in time after this one count.
        time("timed_at_ms"),
        // The next point in time; absent when it is not known yet, or there is none.
        maybe_time("due_ms"),
        // When it fires for that: later by the jitter.
        maybe_time("next_at_ms"),
        // When to look at it: at the next fire, or sooner when something is open.
        maybe_time("wake_at_ms"),
        int("revision"),
        maybe_text("idempotency_key"),
        time("created_at_ms"),
        text("created_by"),
        time("updated_at_ms"),
    ];
    table("schedule", columns)
        .primary_key(&mut primary_key("schedule_pkey", &["id"]))
        .index(&mut unique("schedule_trigger_key", &["workflow_id", "trigger_ordinal"]))
        .index(&mut unique("schedule_idempotency_key", &["organization_id", "idempotency_key"]))
        .take()
}

fn schedule_run(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("schedule_id"),
        time("scheduled_for_ms"),
        small("state"),
        small("kind"),
        // The id that the execution has or gets.
        c.maybe_uuid("execution_id"),
        maybe_text("note"),
        // Something is to be done yet, or its execution runs.
        flag("is_open"),
        maybe_time("fired_at_ms"),
    ];
    table("schedule_run", columns)
        .primary_key(&mut primary_key("schedule_run_pkey", &["id"]))
        // A point in time comes once, whatever happens.
        .index(&mut unique("schedule_run_time_key", &["schedule_id", "scheduled_for_ms"]))
        .take()
}
