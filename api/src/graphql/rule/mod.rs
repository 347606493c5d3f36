//! Rules: conditions, checks and additions that workflows share.

mod inputs;
mod mutations;
mod node;
mod queries;
mod trial;

pub use mutations::RuleMutation;
pub use queries::RuleQuery;
