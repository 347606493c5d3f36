//! Commands that talk to a running server.

pub mod deploy;
pub mod doctor;
pub mod drain;
pub mod emit;
pub mod health;
pub mod list;
mod server;
pub mod start;
pub mod watch;
