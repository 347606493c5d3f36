//! Schedules: what people keep of them, and how the reconciler fires them.
//!
//! A tick locks the schedules whose `wake_at_ms` has come, records what is to become of each point in time, moves the
//! schedules on and commits: one transaction. What is planned then is started under ids that were recorded with it,
//! so that starting it again, after a crash or in two processes at once, starts nothing twice. Until that is
//! confirmed, `wake_at_ms` is soon, and whoever looks next finds what was planned.

mod backfill;
mod finish;
mod fire;
mod look;
mod managed;
mod read;
mod record;
mod write;

pub use managed::{replace_managed, switch_managed};
