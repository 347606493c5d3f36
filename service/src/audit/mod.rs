//! What happened on whose behalf: collected while a request is served, recorded when it is over.

mod read;
mod record;
mod retention;
mod trail;

pub use read::{Verified, actor_of, count, page, verify};
pub use record::{NewEntry, Outcome, kind_name, record, record_all};
pub(crate) use retention::sweep;
pub use trail::{Change, Trail};
