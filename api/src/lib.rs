//! The API process side: GraphQL over HTTP, SSE and WebSocket, health, metrics, GraphiQL.
//!
//! Everything that arrives from outside passes here first: size and type of the body, the document
//! guard, the viewer, time limits. Resolvers live in [`graphql`] and only translate.

mod config;
mod documents;
mod errors;
pub mod graphql;
pub mod guard;
mod health;
mod http;
pub mod limits;
mod operation;
mod origin;
mod request_id;
mod runner;
mod server;
mod shutdown;
mod viewers;
mod ws;

pub use config::{HostCheck, HttpConfig};
pub use errors::{INTERNAL_MESSAGE, internal, server_error};
pub use health::{Condition, Health, HealthPart};
pub use http::{FrontDoor, Probes, probes, router};
pub use request_id::RequestId;
pub use server::{ServerLimits, serve};
pub use shutdown::Shutdown;
pub use viewers::{AuthError, Authenticate, OwnerOf, ViewerSource};
