//! Work on many executions in the background.
//!
//! An operation is a row with a filter and a place. Whoever claims it reads the executions after that place, and writes
//! in one transaction what they are told, the new place and the counters: an execution is told once, whatever dies
//! when. The place is a key, so a walk over a million of executions takes no memory. An operation that starts
//! executions has its items in rows of their own instead, and its place is how many of them it has passed.

mod items;
mod read;
mod record;
mod work;
mod write;
