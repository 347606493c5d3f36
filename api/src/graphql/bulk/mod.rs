//! Work on many executions in the background.

mod live;
mod mutations;
mod node;
mod queries;
mod starts;

pub use live::BulkSubscription;
pub use mutations::BulkMutation;
pub use node::BulkFailure;
pub use queries::BulkQuery;
