//! The fault suite: a fleet of its own, load, faults at random from a seed, and the check afterwards that
//! nothing was lost, doubled or left behind.
//!
//! It speaks to the product as users and operators do: GraphQL, WebSocket, signals, and the database
//! alone for the look at the end. See `docs/chaos.md`.

pub mod api;
pub mod check;
pub mod driver;
pub mod dump;
pub mod history;
pub mod nemesis;
pub mod random;
pub mod report;
pub mod rig;
pub mod run;
pub mod settings;
pub mod sink;
pub mod workflows;
