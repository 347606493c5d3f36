//! Use cases of executions: starting them, waiting for them, reading and following them.

pub(crate) mod asked;
mod batch;
mod child;
mod control;
mod follow;
mod known;
mod labels;
mod moving;
mod offers;
mod pause_view;
mod planned;
mod prepare;
mod read;
mod repair;
mod rerun;
mod retry;
mod signal;
mod start;
mod terminate;
mod wait;

pub use batch::{MAX_BATCH, start_batch};
pub use child::{ChildRequest, start_child};
pub(crate) use control::check_reason;
pub use control::{ResumeRequest, cancel, cancel_resume, pause, resume};
pub(crate) use follow::Known;
pub use follow::{Change, ChangeKind, JournalEvent, Update, beginning, changes, updates};
pub use labels::{delete, label};
pub use moving::{MigrationPlan, PlanRequest, migrate, plan_migration};
pub use offers::{Offer, Operation, offer, offers};
pub use pause_view::{PauseView, ResumePreview, pause_view};
pub use planned::{PlannedStart, start_planned};
pub use prepare::{Label, StartRequest, Trigger, queue_priority};
pub use read::{
    Facts, context, count, counts, execution, executions_by_ids, histories, origin, page, parse_events, traces,
};
pub use repair::{DataChange, edit_context, skip_step};
pub use rerun::{RerunRequest, rerun};
pub(crate) use retry::announce as announce_retried;
pub use retry::retry;
pub use signal::{SignalRequest, SignalTarget, signal};
pub use start::{Started, start};
pub use terminate::terminate;
pub use wait::{MAX_WAIT, WaitFor, wait};
