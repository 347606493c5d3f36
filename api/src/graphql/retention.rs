//! How long finished executions are kept.

use async_graphql::{InputObject, SimpleObject};
use store::Retention;

use super::scalars::Duration;

/// How long finished executions are kept.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct RetentionPolicy {
    /// Completed ones; for ever when null.
    completed: Option<Duration>,
    /// Failed ones; for ever when null.
    failed: Option<Duration>,
    /// Cancelled ones; for ever when null.
    cancelled: Option<Duration>,
}

impl From<Retention> for RetentionPolicy {
    fn from(kept: Retention) -> Self {
        let length = |millis: Option<i64>| millis.map(|millis| Duration::between_ms(0, millis));
        Self {
            completed: length(kept.completed_ms),
            failed: length(kept.failed_ms),
            cancelled: length(kept.cancelled_ms),
        }
    }
}

/// How long finished executions are kept.
#[derive(Debug, InputObject)]
pub struct RetentionPolicyInput {
    /// Completed ones; for ever when null.
    completed: Option<Duration>,
    /// Failed ones; for ever when null.
    failed: Option<Duration>,
    /// Cancelled ones; for ever when null.
    cancelled: Option<Duration>,
}

impl From<RetentionPolicyInput> for Retention {
    fn from(input: RetentionPolicyInput) -> Self {
        let millis =
            |length: Option<Duration>| length.map(|length| i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX));
        Self {
            completed_ms: millis(input.completed),
            failed_ms: millis(input.failed),
            cancelled_ms: millis(input.cancelled),
        }
    }
}
