//! Removes what is old from the audit logs of all organizations.

use ids::OrganizationId;
use serde_json::json;

use super::record::{NewEntry, Outcome, record};
use super::trail::Change;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Actor, Origin};

/// Removes entries that are kept no longer; returns how many. What is left over goes with the next pass.
pub(crate) async fn sweep(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let Some(kept_ms) = services.settings().audit_retention_ms else { return Ok(0) };
    let mut removed = 0;
    let mut after = None;
    while let Some(organization) = services.store().next_organization(after).await? {
        after = Some(organization);
        removed += cut(services, organization, now_ms - kept_ms).await?;
    }
    metrics::counter!("sluice_retention_deleted_total", "what" => "audit_entries").increment(removed);
    Ok(removed)
}

async fn cut(services: &Services, organization: OrganizationId, before_ms: i64) -> Result<u64, ServiceError> {
    let Some(cut) = services.store().cut_audit(organization, before_ms).await? else { return Ok(0) };
    let after = json!({ "removed": cut.removed, "throughSequence": cut.through_seq, "throughHash": cut.through_hash });
    let marker = NewEntry {
        organization: Some(organization),
        actor: Actor::system(),
        action: "audit.truncated".to_owned(),
        outcome: Outcome::Ok,
        change: Change::of("organization", organization, "").after(after),
        origin: Origin::default(),
    };
    record(services, marker).await?;
    Ok(cut.removed)
}
