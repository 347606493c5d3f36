//! What goes into the store and what comes out of it.

pub mod access;
pub mod account;
pub mod approval;
pub mod approval_hands;
pub mod audit;
pub mod bulk;
pub mod change;
pub mod code;
pub mod event;
pub mod execution;
pub mod failure;
pub mod hook;
pub mod identity;
pub mod journal;
pub mod organization;
pub mod rate;
pub mod rule;
pub mod ruling;
pub mod schedule;
pub mod signal;
pub mod single_sign_on;
pub mod slot;
pub mod statistics;
pub mod webhook;
pub mod worker;
pub mod workflow;
