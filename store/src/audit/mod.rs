//! Reads and checks the audit log, and removes what is old. It is written by its committer (`commit/audit.rs`).

mod chain;
mod filter;
mod read;
mod retention;
mod verify;

pub use chain::{AuditKey, Head, Link};
pub use filter::AuditFilter;
pub use retention::AuditCut;
