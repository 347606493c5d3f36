//! The audit log: every mutation leaves an entry in it; who may see it reads and verifies it.

mod attempt;
mod entry;
mod queries;
mod recorder;

pub use self::entry::TimeWindowInput;
pub use self::queries::AuditQuery;

pub(super) use self::attempt::{note_denial, note_error, note_refusal, note_target};
pub(super) use self::recorder::AuditMutations;
