//! Addresses that are told of what happens.

mod delivery;
mod endpoint;
mod mutations;
mod queries;

pub use mutations::WebhookMutation;
pub use queries::WebhookQuery;
