//! Sign-in with OpenID Connect: the authorization code flow with PKCE.
//!
//! A sign-in begins at [`SingleSignOn::begin`], which sends the browser to the provider, and ends at
//! [`SingleSignOn::finish`], to which the provider sends it back. What ties both ends together is a row that is
//! taken once: the state comes back through the provider, the rest of it stays in a cookie of the browser. What
//! the provider says is believed when it is signed with a key of the issuer, made for this client and for this
//! sign-in. Whoever it names is found by their subject; nobody becomes somebody else by an address.

mod arrival;
mod directory;
mod flow;
mod keys;
mod mapping;
mod metadata;
mod outcome;
mod providers;
mod refusal;
mod roles;
mod token;
mod transport;

pub use directory::ProviderError;
pub use flow::{Answer, Begun, Completed, SingleSignOn, cookie_name};
pub use providers::{ProviderInput, delete, list, offered, set};
pub use refusal::Refusal;
pub use token::TokenError;
pub use transport::{Call, Reply, Transport, TransportError};
