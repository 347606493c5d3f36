//! Sign-in with identity providers through the routes, and everything that must not work.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the helpers here are tests too")]

mod attacks;
mod audit;
mod desk;
mod keys;
mod people;
mod provider;
mod refusals;
