//! What people have to decide: who may, what they decide, how it changes hands, and what is shown of it.

mod absent;
mod ask;
mod claim;
mod comment;
mod decide;
mod follow;
mod hand_over;
mod links;
mod read;
mod remind;
mod standing;
mod substitute;

pub use ask::ask_by_mail;
pub use claim::{claim, release};
pub use comment::comment;
pub use decide::{Ruling, decide};
pub use follow::{Change, changes};
pub use hand_over::{Assignee, delegate, delegations, reassign};
pub use links::{LinkView, by_token, decide_by_token};
pub use read::{Inbox, approval, approvals_by_ids, count, decisions, events, page, pending_count, roles_and_users};
pub use remind::remind;
pub use standing::{Hindrance, standings};
pub use substitute::{NewSubstitution, all as substitutions, delete as delete_substitution, set as set_substitution};

#[cfg(test)]
mod tests;
