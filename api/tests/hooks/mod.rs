//! Hooks through their route: who may start what, how often, and everything that must not work.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod calls;
mod cloud_events;
mod desk;
mod secrets;
