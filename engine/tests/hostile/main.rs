//! Hostile input: whatever comes in, the answer is a clear error or a bounded result.
//!
//! No clock is asked: what is asserted are the limits themselves, their codes, and the sizes of what
//! was made. A stack that overflows or memory without bound would end the test process.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod conditions;
mod expressions;
mod loops;
mod payloads;
mod steps;
mod texts;
mod values;
mod world;
