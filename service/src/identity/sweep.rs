//! Removes what signing in left behind.

use async_recursion::async_recursion as boxed;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::attempts;
use crate::error::ServiceError;
use crate::services::Services;

/// How long sessions and tokens are kept after their end, for whoever looks into what happened.
const KEEP: Duration = Duration::from_hours(30 * 24);

/// How often to look at most.
const EVERY_MS: i64 = 60 * 1_000;

/// Rows of one sort that are removed at once.
const GROUP: u64 = 500;

/// Removes old sessions, tokens and failures, up to 500 of each, at most once a minute. How many they were.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn run(services: &Services) -> Result<u64, ServiceError> {
    let (store, now_ms) = (services.store(), services.now().0);
    let last_ms = &services.accounts().swept_at_ms;
    if now_ms.saturating_sub(last_ms.load(Ordering::Relaxed)) < EVERY_MS {
        return Ok(0);
    }
    last_ms.store(now_ms, Ordering::Relaxed);
    let before_ms = now_ms.saturating_sub(i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX));
    let sessions = store.delete_old_sessions(before_ms, GROUP).await?;
    let tokens = store.delete_old_one_time_tokens(before_ms, GROUP).await?;
    let failures = store.delete_old_failures(now_ms.saturating_sub(attempts::MEMORY_MS), GROUP).await?;
    Ok(sessions + tokens + failures)
}
