//! People, programs and what they may do: accounts, sessions, organizations, members, roles, keys.

mod built_in;

pub use built_in::BuiltInRole;
