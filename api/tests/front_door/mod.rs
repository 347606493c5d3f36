//! The front door from outside, with a small schema behind it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod attacks;
mod connections;
mod fading;
mod graphiql;
mod headers;
mod health;
mod http;
mod limits;
mod policies;
mod schema;
mod sse;
mod support;
mod ws;
mod ws_limits;
