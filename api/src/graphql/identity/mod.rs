//! People and how they sign in; organizations, their members and roles, and the keys of programs.

mod account;
mod api_key;
mod invitation;
mod member;
mod organization;
mod query;
mod role;
mod service_account;
mod session;
mod user;

pub use account::AccountMutation;
pub use api_key::ApiKeyMutation;
pub use member::MemberMutation;
pub use organization::{Organization, OrganizationMutation};
pub use query::OrganizationQuery;
pub use role::RoleMutation;
pub use service_account::ServiceAccountMutation;
pub use session::{Session, SessionMutation};
pub use user::User;
