//! Approvals that change hands: claims, hand-overs, substitutions, and links that decide once. Schedules that make up
//! for past times, and that pause themselves. Events in the order in which they were committed.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, int, maybe_int, maybe_text, maybe_time, partial_index, primary_key, protect, table,
    text, time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // SQLite adds one column at a time.
        for (table, mut column) in [
            ("approval", maybe_text("claimed_by")),
            ("approval", maybe_time("reminded_at_ms")),
            ("approval_decision", maybe_text("on_behalf_of")),
            ("schedule", maybe_int("pause_after")),
            ("schedule_run", c.maybe_uuid("backfill_id")),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(&mut column).take()).await?;
        }
        for statement in if c.is_postgres() { &ARRIVAL_POSTGRES[..] } else { &ARRIVAL_SQLITE[..] } {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        manager.create_table(delegation(c)).await?;
        protect(manager, "approval_delegation").await?;
        manager.create_table(substitution(c)).await?;
        protect(manager, "approval_substitution").await?;
        manager.create_table(link(c)).await?;
        protect(manager, "approval_link").await?;
        manager.create_table(backfill(c)).await?;
        protect(manager, "schedule_backfill").await?;
        for index in [
            index("schedule_backfill", "schedule_backfill_schedule_idx", &["schedule_id", "id"]),
            index("schedule_backfill", "schedule_backfill_organization_idx", &["organization_id"]),
            partial_index("schedule_run", "schedule_run_backfill_idx", &["backfill_id"], "backfill_id is not null"),
            // Organizations are emptied by it.
            index("approval_delegation", "approval_delegation_organization_idx", &["organization_id"]),
            index(
                "approval_substitution",
                "approval_substitution_substitute_idx",
                &["organization_id", "substitute_id", "ends_at_ms"],
            ),
            index("approval_substitution", "approval_substitution_user_idx", &["organization_id", "user_id"]),
            index("approval_link", "approval_link_approval_idx", &["approval_id"]),
            index("approval_link", "approval_link_organization_idx", &["organization_id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        for statement in if c.is_postgres() { &DEPARTURE_POSTGRES[..] } else { &DEPARTURE_SQLITE[..] } {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        let tables = ["schedule_backfill", "approval_link", "approval_substitution", "approval_delegation"];
        drop_tables(manager, &tables).await?;
        manager.drop_index(Index::drop().name("schedule_run_backfill_idx").table("schedule_run").to_owned()).await?;
        for (table, column) in [
            ("schedule_run", "backfill_id"),
            ("schedule", "pause_after"),
            ("approval_decision", "on_behalf_of"),
            ("approval", "reminded_at_ms"),
            ("approval", "claimed_by"),
        ] {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

/// By the transaction a reader knows what may still appear. Added without a default first: rows that are there need
/// not be written again.
const ARRIVAL_POSTGRES: [&str; 3] = [
    "alter table event add column xid xid8",
    "alter table event alter column xid set default pg_current_xact_id()",
    "create index event_arrival_idx on event (organization_id, xid, id) where xid is not null",
];
const DEPARTURE_POSTGRES: [&str; 2] = ["drop index event_arrival_idx", "alter table event drop column xid"];

/// One writer: the order of rows is that of commits. `autoincrement`, so that no number is used again when events are
/// deleted.
const ARRIVAL_SQLITE: [&str; 5] = [
    "create table event_arrival (position integer primary key autoincrement, organization_id blob not null, \
        event_id blob not null)",
    "create index event_arrival_event_idx on event_arrival (event_id)",
    "create index event_arrival_organization_idx on event_arrival (organization_id, position)",
    "create trigger event_arrives after insert on event begin \
        insert into event_arrival (organization_id, event_id) values (new.organization_id, new.id); end",
    "create trigger event_departs after delete on event begin \
        delete from event_arrival where event_id = old.id; end",
];
const DEPARTURE_SQLITE: [&str; 3] =
    ["drop trigger event_departs", "drop trigger event_arrives", "drop table event_arrival"];

fn delegation(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("organization_id"),
        c.uuid("approval_id"),
        // From 1, in the order in which it was handed over.
        int("number"),
        // The person who handed it over, and what they did it with.
        text("from_person"),
        text("actor"),
        text("to_person"),
        // Whose voice it is: who handed it over first.
        text("voice"),
        maybe_text("reason"),
        time("at_ms"),
        // When it counted no more: it came back, or others were asked.
        maybe_time("ended_at_ms"),
    ];
    table("approval_delegation", columns)
        .primary_key(&mut primary_key("approval_delegation_pkey", &["approval_id", "number"]))
        .take()
}

fn substitution(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        // Who is away, and who stands in.
        c.uuid("user_id"),
        c.uuid("substitute_id"),
        time("starts_at_ms"),
        time("ends_at_ms"),
        text("created_by"),
        time("created_at_ms"),
    ];
    table("approval_substitution", columns)
        .primary_key(&mut primary_key("approval_substitution_pkey", &["id"]))
        .check(("approval_substitution_time_check", Expr::cust("starts_at_ms < ends_at_ms")))
        .check(("approval_substitution_self_check", Expr::cust("user_id <> substitute_id")))
        .take()
}

fn link(c: Columns) -> TableCreateStatement {
    let columns = [
        text("token_hash"),
        c.uuid("organization_id"),
        c.uuid("approval_id"),
        // Whom it was sent to: it is worth nothing to anybody else's name.
        c.uuid("user_id"),
        time("created_at_ms"),
        time("expires_at_ms"),
        maybe_time("used_at_ms"),
    ];
    table("approval_link", columns).primary_key(&mut primary_key("approval_link_pkey", &["token_hash"])).take()
}

fn backfill(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("schedule_id"),
        // The times from the one, included, to the other, left out.
        time("from_ms"),
        time("to_ms"),
        // How they follow each other: `buffer_all` or `allow_all`.
        text("overlap"),
        // How many are made up for, and how many were started before.
        int("total"),
        int("known"),
        text("reason"),
        text("created_by"),
        time("created_at_ms"),
    ];
    table("schedule_backfill", columns).primary_key(&mut primary_key("schedule_backfill_pkey", &["id"])).take()
}
