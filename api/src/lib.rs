//! The API process side: GraphQL over HTTP, SSE and WebSocket, health, metrics, GraphiQL.
//!
//! Everything that arrives from outside passes here first: size and type of the body, the document
//! guard, the viewer, time limits. Resolvers live in [`graphql`] and only translate.

// The compiler proves through every part of the merged roots that their futures may move between threads.
#![recursion_limit = "256"]

mod admit;
mod config;
mod cookies;
mod credentials;
mod documents;
mod errors;
pub mod graphql;
pub mod guard;
mod health;
mod http;
pub mod limits;
mod operation;
mod origin;
mod persisted;
mod policy;
mod proxies;
mod rates;
mod request_id;
mod runner;
mod server;
mod shutdown;
mod sockets;
mod viewers;
mod watch;
mod ws;

pub use config::{HostCheck, HttpConfig};
pub use cookies::Cookies;
pub use credentials::CookieStyle;
pub use errors::{INTERNAL_MESSAGE, internal, server_error};
pub use health::{Condition, Health, HealthPart};
pub use http::{Access, FrontDoor, Probes, probes, router, routes};
pub use persisted::{PersistedDocuments, StoredDocuments};
pub use policy::{Introspection, Manifest, ManifestError, OperationPolicy};
pub use proxies::{NotAProxy, TrustedProxies};
pub use rates::ChargeCost;
pub use request_id::RequestId;
pub use server::{ServerLimits, serve};
pub use shutdown::Shutdown;
pub use viewers::{Admitted, AuthError, Authenticate, Guarded, OwnerOf, ViewerSource};
