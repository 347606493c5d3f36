//! What happened on whose behalf: collected while a request is served, recorded when it is over.

mod trail;

pub use trail::{Change, Trail};
