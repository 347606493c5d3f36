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
mod m0010_organization;
mod m0011_tenants;
mod m0012_audit;
mod m0013_persisted_documents;
mod m0014_schedules;
mod m0015_inbound;
mod m0016_approvals;
mod m0017_lifecycle;
mod m0020_rates;
mod m0021_rules;
mod m0022_statistics;
mod m0023_bulk;
mod m0023_webhooks;
mod m0024_versions;
mod m0025_people;
mod m0027_approvals;
mod m0028_children;
mod m0029_bulk_start;
mod m0030_parts;
mod m0031_compression;

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
            Box::new(m0010_organization::Migration),
            Box::new(m0011_tenants::Migration),
            Box::new(m0012_audit::Migration),
            Box::new(m0013_persisted_documents::Migration),
            Box::new(m0014_schedules::Migration),
            Box::new(m0015_inbound::Migration),
            Box::new(m0016_approvals::Migration),
            Box::new(m0017_lifecycle::Migration),
            Box::new(m0020_rates::Migration),
            Box::new(m0021_rules::Migration),
            Box::new(m0022_statistics::Migration),
            Box::new(m0023_bulk::Migration),
            Box::new(m0023_webhooks::Migration),
            Box::new(m0024_versions::Migration),
            Box::new(m0025_people::Migration),
            Box::new(m0027_approvals::Migration),
            Box::new(m0028_children::Migration),
            Box::new(m0029_bulk_start::Migration),
            Box::new(m0030_parts::Migration),
            Box::new(m0031_compression::Migration),
        ]
    }
}

pub use sea_orm_migration;
