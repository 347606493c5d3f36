//! Use cases: who may do what; load, decide, commit.
//!
//! Every use case takes the [`Viewer`] and checks its permission first; every read and write is in
//! the viewer's organization. The API and the worker call these and nothing below.

use async_recursion::async_recursion as boxed;

pub mod admission;
pub mod approvals;
pub mod audit;
pub mod bulk;
pub mod clock;
pub mod code;
pub mod cursor;
pub mod documents;
mod error;
pub mod error_groups;
pub mod events;
pub mod executions;
pub mod hooks;
pub mod identity;
mod live;
pub mod mail;
pub mod operations;
mod pace;
pub mod parts;
mod permission;
pub mod plans;
pub mod rates;
mod reach;
pub mod retention;
pub mod rules;
pub mod schedules;
pub mod sealed;
mod secret_key;
mod services;
mod sharing;
pub mod signals;
pub mod slots;
pub mod statistics;
pub mod viewer;
pub mod wake;
pub mod webhooks;
pub mod workflows;

pub use clock::{Clock, DatabaseClock};
pub use code::Code;
pub use error::{Mistake, ServiceError, chain, wait_seconds};
pub use executions::queue_priority;
pub use live::{Listener, Live, News};
pub use secret_key::SecretKey;
pub use services::{Services, Settings};
pub use viewer::{Origin, Viewer};

/// The viewer's organization.
///
/// # Errors
/// When the database is away, or has no such organization.
#[boxed]
pub async fn organization(services: &Services, viewer: &Viewer) -> Result<store::OrganizationRow, ServiceError> {
    let row = services.store().organization(viewer.organization).await?;
    row.ok_or_else(|| ServiceError::Internal {
        what: "the viewer's organization is missing",
        source: viewer.organization.to_string().into(),
    })
}

/// A key of at most 255 characters that stands for `key`: itself, or a digest when it is longer.
#[must_use]
pub fn bounded_key(key: &str) -> String {
    use sha2::{Digest, Sha256};
    if key.chars().count() <= 255 { key.to_owned() } else { format!("sha256:{}", hex(&Sha256::digest(key))) }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}
