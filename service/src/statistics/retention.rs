//! Forgets what was counted long ago, and causes of failures of which nothing is counted any more.

use crate::error::ServiceError;
use crate::services::Services;

/// Rows of one transaction, which must be short.
const GROUP: u64 = 1_000;
/// Transactions for one organization in one pass; what is left over goes with the next pass.
const GROUPS: usize = 20;

/// Forgets what is kept no longer; returns how many numbers.
pub(crate) async fn sweep(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let Some(kept_ms) = services.settings().statistics_retention_ms else { return Ok(0) };
    let mut forgotten = 0;
    let mut after = None;
    while let Some(organization) = services.store().next_organization(after).await? {
        after = Some(organization);
        let before_ms = now_ms - kept_ms;
        for _group in 0..GROUPS {
            let count = services.store().forget_rollups(organization, before_ms, GROUP).await?;
            forgotten += count;
            if count < GROUP {
                break;
            }
        }
        services.store().forget_error_groups(organization, before_ms, GROUP).await?;
    }
    metrics::counter!("sluice_retention_deleted_total", "what" => "statistics").increment(forgotten);
    Ok(forgotten)
}
