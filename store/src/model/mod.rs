//! What goes into the store and what comes out of it.

pub mod change;
pub mod event;
pub mod execution;
pub mod identity;
pub mod journal;
pub mod organization;
pub mod signal;
pub mod slot;
pub mod worker;
pub mod workflow;
