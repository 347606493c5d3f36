//! Where actions may connect to: deny by default, checked again for every hop and every resolved name.
//!
//! A literal address in a URL never reaches a resolver, so it is checked before the call
//! ([`Target`]). A name is checked where it is resolved ([`GuardedResolver`]), so that the address
//! checked is the address connected to and a second answer of the name server cannot slip in.

mod address;
mod cidr;
mod guard;
mod policy;
mod resolver;
mod target;

pub use address::Forbidden;
pub use cidr::Cidr;
pub use guard::{ConnectError, Guard};
pub use policy::{Denied, EgressPolicy, PolicyError, USUAL_PORTS};
pub(crate) use resolver::LookupFailed;
pub use resolver::{GuardedResolver, Lookup, SystemLookup};
pub use target::{Target, TargetError, Trust};
