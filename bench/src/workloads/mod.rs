//! The workloads of the performance targets, one family a file.

pub mod embedded;
pub mod latency;
pub mod memory;
pub mod steps;
pub mod throughput;
