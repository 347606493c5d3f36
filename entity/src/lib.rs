//! SeaORM rows, one table a file, no logic. Times are Unix milliseconds.

pub mod event;
pub mod event_key;
pub mod event_trigger;
pub mod execution;
pub mod execution_label;
pub mod journal;
pub mod organization;
pub mod signal;
pub mod start_key;
pub mod wait;
pub mod worker;
pub mod workflow;
pub mod workflow_version;
