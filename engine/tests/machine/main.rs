//! Histories of the machine: a definition, what the world answers, and the journal that follows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

mod actions;
mod context;
mod crash;
mod failures;
mod flow;
mod limits;
mod properties;
mod sim;
mod timeline;
