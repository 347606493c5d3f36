//! The engine of Sluice, pure: no clock, no chance, no input or output, no async.
//!
//! [`check`] finds what is wrong with a definition, [`definition`] reads it, [`plan`] prepares it,
//! [`rule`] reads rules that it names,
//! [`expr`] evaluates what is written in it, and [`machine`] decides. The same code runs in
//! production, offline in `sluice validate`, and in the tests.

pub mod backoff;
pub mod check;
pub mod definition;
pub mod diff;
pub mod duration;
pub mod expr;
pub mod fix;
pub mod machine;
pub mod pattern;
pub mod plan;
pub mod pointer;
pub mod problem;
pub mod rule;
pub mod schedule;
mod shared;
pub mod time;

pub use shared::{Name, Shared};
pub use time::Timestamp;
