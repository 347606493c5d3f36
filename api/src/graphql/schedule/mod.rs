//! Schedules: what starts workflows at points in time.

mod backfill;
mod fire;
mod inputs;
mod live;
mod mutations;
mod node;
mod queries;
mod spec;
mod trigger;

pub use backfill::BackfillMutation;
pub use live::ScheduleSubscription;
pub use mutations::ScheduleMutation;
pub use node::Schedule;
pub use queries::{ScheduleQuery, of_workflow};
pub use trigger::ScheduleTrigger;
