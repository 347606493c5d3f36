//! What people have to decide.

mod filter;
mod hands;
mod link;
mod live;
mod loaders;
mod mutations;
mod object;
mod parts;
mod queries;
mod substitution;

pub use hands::ApprovalHandsMutation;
pub use link::{ApprovalLinkMutation, ApprovalLinkQuery};
pub use live::ApprovalSubscription;
pub use mutations::ApprovalMutation;
pub use object::Approval;
pub use queries::ApprovalQuery;
pub(super) use queries::of_execution;
pub use substitution::{SubstitutionMutation, SubstitutionQuery};
