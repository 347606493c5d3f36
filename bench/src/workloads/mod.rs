//! The workloads of the performance targets, one family a file.

pub mod backlog;
pub mod copies;
pub mod embedded;
pub mod engine;
pub mod latency;
pub mod live;
pub mod memory;
pub mod schedules;
pub mod steps;
pub mod stored;
pub mod throughput;
