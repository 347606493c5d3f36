//! Hooks: addresses that others call to start workflows.
//!
//! A call is taken in three steps, between which the front door reads the body and lets somebody pay: the hook is
//! [found](find), the call [proves itself](Hook::recognise), and starts an execution ([`Hook::deliver`]). What a
//! sender repeats starts nothing again. A call proves itself with the secret of its address, or with the secret of
//! the organization that the trigger names.

mod deliver;
mod find;
mod manage;
mod proof;

pub use find::{Hook, find};
pub(crate) use manage::made as new_secret;
pub use manage::{Rotate, Rotated, address, address_taken, count, page, rotate};
pub(crate) use proof::standard_signature;
pub use proof::{Proof, Unproven, Verification, sign};

use std::collections::BTreeMap;

use crate::viewer::Origin;

/// A call of a hook, as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// What stands behind `?` in the address.
    pub query: Option<String>,
    /// Headers by their names in lower case; those that came twice are left out.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Where it came from.
    pub origin: Origin,
}
