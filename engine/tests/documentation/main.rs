//! The examples of the manual of the definition language do what the page says.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod case;
mod compare;
mod coverage;
mod examples;
mod operators;
mod page;
mod world;

const PAGE: &str = include_str!("../../../docs/definition-language.md");
