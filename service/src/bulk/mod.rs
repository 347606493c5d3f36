//! Use cases of bulk operations: work on many executions in the background.
//!
//! An operation is accepted with its filter, counts what fits, and then does to each execution what the use cases of
//! one execution do, in parts that are written as a whole. One that starts executions is given items instead.
//! `docs/bulk-operations.md` has the promises.

mod control;
mod follow;
mod item;
mod kinds;
mod part;
mod read;
mod start;
mod starting;
mod starts;
mod sweep;
#[cfg(test)]
mod tests;
mod walk;
mod work;

pub use control::{cancel, pause, resume};
pub use follow::updates;
pub use read::{count, count_failures, count_items, failures, items, operation, page};
pub use start::{Arguments, DEFAULT_RATE, MAX_IDS, MAX_OPEN, MAX_RATE, NewOperation, Which, start};
pub use starts::{MAX_ITEMS, MAX_TOTAL, MoreStarts, NewStarts, add, start_many};
pub(crate) use sweep::sweep;
pub use work::tick;
