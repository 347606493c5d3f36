//! Schema migrations for PostgreSQL and SQLite. Each only adds, moves, or (a release later) drops,
//! and can be taken back.

mod columns;
mod m0001_workflows;
mod m0002_executions;
mod m0003_events;
mod m0004_workers;
mod m0005_signals;
mod m0006_operations;
mod m0007_slots;
mod m0008_state_seq;
mod m0009_identity;

use sea_orm_migration::prelude::*;

/// Every migration, in order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_workflows::Migration),
            Box::new(m0002_executions::Migration),
            Box::new(m0003_events::Migration),
            Box::new(m0004_workers::Migration),
            Box::new(m0005_signals::Migration),
            Box::new(m0006_operations::Migration),
            Box::new(m0007_slots::Migration),
            Box::new(m0008_state_seq::Migration),
            Box::new(m0009_identity::Migration),
        ]
    }
}

pub use sea_orm_migration;
