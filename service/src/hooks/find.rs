//! Finds the hook that is called.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use engine::definition::{TriggerKind, Webhook};
use ids::{HookId, OrganizationId};
use store::HookRow;

use super::{Call, Proof, Unproven, manage, proof};
use crate::error::ServiceError;
use crate::plans::LoadedVersion;
use crate::services::Services;

/// A hook of a published version.
#[derive(Debug, Clone)]
pub struct Hook {
    pub(super) row: HookRow,
    version: Arc<LoadedVersion>,
    ordinal: usize,
}

/// The hook at an address; `None` when there is none, whatever is missing of it. `organization` is a slug or an id.
///
/// # Errors
/// The database is away.
#[boxed]
pub async fn find(
    services: &Services,
    organization: &str,
    path: &str,
    method: &str,
) -> Result<Option<Hook>, ServiceError> {
    // No such text is in the database, and PostgreSQL would refuse to look.
    if [organization, path, method].iter().any(|text| text.contains('\0')) {
        return Ok(None);
    }
    let store = services.store();
    let organization = match organization.parse::<OrganizationId>() {
        // Deleted ones keep their rows for a while.
        Ok(id) => store.organization(id).await?.map(|row| row.id),
        Err(_a_slug) => store.organization_by_slug(organization).await?,
    };
    let Some(organization) = organization else { return Ok(None) };
    let Some(row) = store.hook_at(organization, path, method).await? else { return Ok(None) };
    let Some(version) = row.version_id else { return Ok(None) };
    let Some(version) = services.plans().version(store, organization, version).await? else { return Ok(None) };
    let ordinal = usize::try_from(row.ordinal).unwrap_or(usize::MAX);
    let hook = Hook { row, version, ordinal };
    Ok(hook.webhook().is_some().then_some(hook))
}

impl Hook {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> HookId {
        self.row.id
    }

    /// The trigger in the definition.
    pub(super) fn webhook(&self) -> Option<&Webhook> {
        match &self.version.plan.definition().triggers.get(self.ordinal)?.kind {
            TriggerKind::Webhook(webhook) => Some(webhook),
            TriggerKind::Event { .. } | TriggerKind::Schedule(_) | TriggerKind::Manual => None,
        }
    }

    /// Whether the call proves itself as the trigger wants it.
    ///
    /// # Errors
    /// Why not; or a stored secret cannot be opened.
    pub fn recognise(&self, services: &Services, call: &Call) -> Result<Result<Proof, Unproven>, ServiceError> {
        let Some(webhook) = self.webhook() else { return Ok(Err(Unproven::Differs)) };
        let now = services.now();
        let secrets = manage::secrets(services, &self.row, now)?;
        Ok(proof::of(&webhook.verify, &secrets, call, now))
    }
}
