//! Histories of the machine: a definition, what the world answers, and the journal that follows.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod actions;
mod again;
mod anew;
mod context;
mod crash;
mod failures;
mod flow;
mod freeze;
mod limits;
mod loading;
mod loops;
mod moving;
mod parallel;
mod parts;
mod pause;
mod people;
mod properties;
mod rates;
mod repair;
mod resume_on;
mod rules;
mod secrets;
mod sim;
mod slots;
mod timeline;
mod waits;
