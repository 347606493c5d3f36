//! People, programs and what they may do: accounts, sessions, organizations, members, roles, keys.

pub mod account;
#[cfg(test)]
mod account_tests;
mod accounts;
pub mod api_keys;
pub(crate) mod attempts;
pub mod bootstrap;
mod built_in;
pub mod email;
pub mod folders;
pub mod grants;
pub mod invitations;
mod known;
mod limits;
pub mod members;
pub mod names;
pub mod oidc;
mod one_time;
pub mod organizations;
pub mod passwords;
mod principal;
mod recognise;
pub mod recovery;
mod refresh;
pub mod registration;
pub mod roles;
pub(crate) mod secrets;
pub mod service_accounts;
pub mod sessions;
pub mod sweep;
pub mod tokens;

pub use accounts::Accounts;
pub use built_in::BuiltInRole;
pub(crate) use known::Known;
pub use principal::{Principal, standing};
pub use recognise::{Recognised, recognise};
pub use registration::SignUp;

#[cfg(test)]
mod tests;
