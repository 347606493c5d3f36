//! What the queue and the notices promise, held against both transports: memory always, Redis when
//! `SLUICE_TEST_REDIS_URL` names one.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking, and says what it skips")]

extern crate sluice_queue as queue;

mod harness;
mod server;

mod delivery;
mod faults;
mod limits;
mod notices;
mod order;
