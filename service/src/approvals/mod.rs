//! What people have to decide: who may, what they decide, and what is shown of it.

mod comment;
mod decide;
mod follow;
mod read;
mod standing;

pub use comment::comment;
pub use decide::{Ruling, decide};
pub use follow::{Change, changes};
pub use read::{Inbox, approval, approvals_by_ids, count, decisions, events, page, pending_count, roles_and_users};
pub use standing::{Hindrance, standings};

#[cfg(test)]
mod tests;
