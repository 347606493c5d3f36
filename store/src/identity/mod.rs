//! People, programs, and what they belong to.

mod api_keys;
mod failures;
mod identity_providers;
mod invitations;
mod members;
mod memberships;
mod one_time_tokens;
mod passwords;
mod registration;
mod roles;
mod service_accounts;
mod sessions;
mod sign_in_flows;
mod user_identities;
mod users;

pub use memberships::active_model as membership_model;
pub use registration::{FirstOwner, Warrant};
