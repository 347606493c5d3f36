//! Forgets operations that ended long ago.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use crate::error::ServiceError;
use crate::services::Services;

/// How long an operation is kept after its end.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Operations in one transaction.
const GROUP: u64 = 100;

/// Deletes some of what is kept no longer; the next pass takes more.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn sweep(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let before_ms = now_ms - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    Ok(services.store().sweep_bulk_operations(before_ms, GROUP).await?)
}
