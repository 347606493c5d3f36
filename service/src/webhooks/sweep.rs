//! Forgets messages whose time is over.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use crate::error::ServiceError;
use crate::services::Services;

/// How long a message is kept.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Messages in one transaction.
const GROUP: u64 = 500;
/// Transactions in one pass.
const GROUPS: usize = 20;

/// Deletes some of what is kept no longer; the next pass takes more.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn sweep(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let before_ms = now_ms - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let mut deleted = 0;
    for _group in 0..GROUPS {
        let count = services.store().sweep_webhook_deliveries(before_ms, GROUP).await?;
        deleted += count;
        if count < GROUP {
            break;
        }
    }
    Ok(deleted)
}
