//! Use cases of outgoing webhooks: addresses that are told of what happens to executions and approvals.
//!
//! What happened is read from the journals, in the order of commits, and written down as messages ([`follow`]); each
//! message is sent until it is accepted, or was tried often enough ([`claim`] and [`settle`]). The requests themselves
//! are the worker's. `docs/webhooks.md` has the promises.

mod endpoints;
mod follow;
mod message;
mod read;
mod retry;
mod send;
mod signing;
mod sweep;
#[cfg(test)]
mod tests;

pub use endpoints::{
    EndpointPatch, MAX_ENDPOINTS, NewEndpoint, WithSecret, create, delete, redeliver, rotate_secret, test, update,
};
pub use follow::follow;
pub use message::EVENT_TYPES;
pub use read::{attempts_of, count, count_deliveries, deliveries, endpoint, page};
pub use send::{Answer, Outgoing, TIMEOUT, claim, claim_next, settle};
pub use signing::signature_headers;
pub(crate) use sweep::sweep;
