//! What lists are filtered by, and how a filter becomes a condition.

mod approval;
mod decider;
mod event;
mod execution;
mod parts;
mod workflow;

use crate::error::StoreError;

pub use approval::ApprovalFilter;
pub use decider::{Decider, StandsFor};
pub use event::EventFilter;
pub use execution::ExecutionFilter;
pub(crate) use execution::workflows_in;
pub(crate) use parts::contains;
pub use parts::{LabelFilter, StringFilter, TimeFilter};
pub use workflow::WorkflowFilter;
pub(crate) use workflow::in_folders;

/// How deep `and`, `or` and `not` may nest.
pub const MAX_NESTING: usize = 4;

/// Refuses the level below [`MAX_NESTING`].
fn check_depth(depth: usize) -> Result<(), StoreError> {
    if depth > MAX_NESTING { Err(StoreError::FilterTooDeep { limit: MAX_NESTING }) } else { Ok(()) }
}
