//! What people have to decide.

mod filter;
mod live;
mod loaders;
mod mutations;
mod object;
mod parts;
mod queries;

pub use live::ApprovalSubscription;
pub use mutations::ApprovalMutation;
pub use object::Approval;
pub use queries::ApprovalQuery;
pub(super) use queries::of_execution;
