//! Use cases of schedules: what starts workflows at points in time.
//!
//! What fires when is decided by `engine::schedule` and the module `plan`, without a clock; the store makes each
//! point in time come once.

mod backfill;
mod fire;
mod follow;
mod input;
mod managed;
mod plan;
mod preview;
mod read;
#[cfg(test)]
mod tests;
mod timing;
mod trigger;
mod write;

pub use backfill::{Backfill, NewBackfill, backfill, backfill_progress, backfills};
pub use fire::tick;
pub use follow::updates;
pub(crate) use managed::of_definition;
pub use preview::{FireTime, Preview, next_fires, preview};
pub use read::{by_ids, count, count_runs, is_late, last_runs, page, runs};
pub use timing::{CatchUpPolicy, DEFAULT_CATCH_UP_LIMIT, OverlapPolicy, Timing};
pub use trigger::trigger;
pub use write::{NewSchedule, SchedulePatch, create, delete, pause, resume, update};
