//! What an organization sets up for its definitions to use: secrets, variables, services and resources.
//!
//! They belong to the whole organization; folders do not narrow who sees them. Definitions name them, so names never
//! change, and what published versions name is not deleted. What is behind a name at the moment of a call is told by
//! [`service`](fn@service), [`secrets`](fn@secrets) and their like; a secret is opened nowhere else.

mod checks;
pub mod reachable;
mod resolve;
pub mod resources;
pub mod secrets;
pub mod services;
mod settings;
pub(crate) mod standing;
mod used;
pub mod variables;

pub use resolve::{
    Authentication, Recipient, Resource, Service, UsableSecret, addresses, resource, secrets, service, services,
    variables,
};
pub use store::{AuthenticationKind, PartKind, ServiceKind};

#[cfg(test)]
mod tests;
