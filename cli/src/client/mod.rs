//! Commands that talk to a running server.

pub mod audit;
mod credentials;
pub mod deploy;
pub mod doctor;
pub mod drain;
pub mod emit;
pub mod health;
pub mod invite;
pub mod keys;
pub mod list;
pub mod login;
pub mod members;
pub mod roles;
mod server;
pub mod start;
pub mod watch;
