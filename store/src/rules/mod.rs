//! Rules that workflows share: their contents, and where published versions use them.

mod read;
mod record;
mod uses;
mod write;

pub use uses::{RULE_UNUSABLE, check_uses, replace_uses};
