//! Commands that talk to a running server.

pub mod approvals;
pub mod audit;
mod credentials;
pub mod deploy;
pub mod doctor;
pub mod drain;
pub mod emit;
mod emit_batch;
pub mod events;
pub mod health;
pub mod hooks;
pub mod invite;
pub mod keys;
pub mod lifecycle;
pub mod list;
pub mod login;
pub mod members;
pub mod roles;
pub mod schedules;
mod server;
pub mod start;
pub mod versions;
pub mod watch;
