//! Use cases of executions: starting them, waiting for them, reading and following them.

mod batch;
mod child;
mod control;
mod follow;
mod prepare;
mod read;
mod start;
mod wait;

pub use batch::{MAX_BATCH, start_batch};
pub use child::{ChildRequest, start_child};
pub use control::{cancel, pause, resume};
pub use follow::{Change, ChangeKind, JournalEvent, Update, beginning, changes, updates};
pub use prepare::{Label, StartRequest, Trigger, queue_priority};
pub use read::{Facts, context, count, execution, executions_by_ids, histories, origin, page, parse_events, traces};
pub use start::{Started, start};
pub use wait::{MAX_WAIT, WaitFor, wait};
