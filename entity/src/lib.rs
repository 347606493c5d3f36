//! SeaORM rows, one table a file, no logic. Times are Unix milliseconds.

pub mod api_key;
pub mod event;
pub mod event_key;
pub mod event_trigger;
pub mod execution;
pub mod execution_label;
pub mod identity_provider;
pub mod invitation;
pub mod journal;
pub mod membership;
pub mod one_time_token;
pub mod organization;
pub mod role;
pub mod session;
pub mod sign_in_failure;
pub mod sign_in_flow;
pub mod signal;
pub mod start_key;
pub mod user_account;
pub mod user_identity;
pub mod wait;
pub mod worker;
pub mod workflow;
pub mod workflow_version;
