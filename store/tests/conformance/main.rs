//! What the store promises, held against both databases: SQLite always, PostgreSQL when
//! `SLUICE_TEST_DATABASE_URL` names a server on which databases may be created.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]
#![expect(clippy::unnecessary_wraps, reason = "helpers that fill optional fields give options")]

extern crate sluice_store as store;

mod harness;
mod template;

mod accounts;
mod approvals;
mod arrivals;
mod audit;
mod backfills;
mod bulk;
mod bulk_starts;
mod changes;
mod children;
mod claims;
mod commits;
mod documents;
mod error_groups;
mod events;
mod filters;
mod groups;
mod hands;
mod hooks;
mod identity;
mod journals;
mod line;
mod members;
mod operations;
mod organizations;
mod outages;
mod pages;
mod parts;
mod rates;
mod reconcilers;
mod refusals;
mod retention;
mod rules;
mod rulings;
mod schedules;
mod schema;
mod signals;
mod single_sign_on;
mod slots;
mod starts;
mod statistics;
mod tenants;
mod versions;
mod wall;
mod webhooks;
mod workflows;
