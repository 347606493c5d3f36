//! People, programs, and what they belong to.

mod memberships;
mod users;
