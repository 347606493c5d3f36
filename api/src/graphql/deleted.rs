//! Answers of mutations that remove something.

use async_graphql::{ID, Result, SimpleObject};
use service::ServiceError;

use super::errors::{UserError, user_errors};

/// Answer of a mutation that removes something.
#[derive(Debug, SimpleObject)]
pub struct DeletePayload {
    /// Id of the removed object; clients drop it from their caches.
    deleted_id: Option<ID>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl DeletePayload {
    /// What became of removing `id`.
    pub(super) fn of(id: ID, outcome: Result<(), ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(()) => Self { deleted_id: Some(id), user_errors: Vec::new() },
            Err(user_errors) => Self { deleted_id: None, user_errors },
        })
    }
}
