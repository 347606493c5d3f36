//! What an organization sets up for its workflows: secrets, variables, services and loaders.

mod called;
mod check;
mod inputs;
mod loaders;
mod mutations;
mod queries;
mod registry;
mod registry_inputs;
mod resource;
mod secret;
mod used;
mod variable;

pub use check::{Calling, CheckMutation};
pub use mutations::ValueMutation;
pub use queries::PartQuery;
pub use registry::RegistryMutation;
