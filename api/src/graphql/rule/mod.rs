//! Rules: conditions, checks and additions that workflows share.

mod inputs;
mod live;
mod mutations;
mod node;
mod queries;
mod trial;

pub use live::RuleSubscription;
pub use mutations::RuleMutation;
pub use queries::RuleQuery;
