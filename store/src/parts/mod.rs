//! What an organization sets up for its definitions: secrets, variables, services and resources, and which published
//! versions name them.
//!
//! Whoever makes, changes or deletes one holds the organization meanwhile: that a service has its secret, and a
//! resource its service, is decided by one after another.

mod loaders;
mod secrets;
mod services;
mod table;
mod uses;
mod variables;

pub use uses::{SERVICE_GONE, check_part_uses, replace_part_uses};
