//! Finds the hook that is called.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use engine::definition::{TriggerKind, Verify, Webhook};
use ids::{HookId, OrganizationId};
use store::HookRow;
use tracing::warn;

use super::{Call, Proof, Unproven, manage, proof};
use crate::error::ServiceError;
use crate::parts;
use crate::plans::LoadedVersion;
use crate::sealed::Secret;
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
    of(services, row).await
}

/// The hook of a row; `None` when no published version has it.
async fn of(services: &Services, row: HookRow) -> Result<Option<Hook>, ServiceError> {
    let Some(version) = row.version_id else { return Ok(None) };
    let plans = services.plans();
    let Some(version) = plans.version(services.store(), row.organization_id, version).await? else { return Ok(None) };
    let ordinal = usize::try_from(row.ordinal).unwrap_or(usize::MAX);
    let hook = Hook { row, version, ordinal };
    Ok(hook.webhook().is_some().then_some(hook))
}

/// Name of the organization's secret that the trigger of a hook names instead of one of its own.
pub(super) async fn named_secret(services: &Services, row: &HookRow) -> Result<Option<String>, ServiceError> {
    Ok(of(services, row.clone()).await?.and_then(|hook| hook.secret_name().map(str::to_owned)))
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
    /// Why not; or a stored secret cannot be opened, or the database is away.
    #[boxed]
    pub async fn recognise(&self, services: &Services, call: &Call) -> Result<Result<Proof, Unproven>, ServiceError> {
        let Some(webhook) = self.webhook() else { return Ok(Err(Unproven::Differs)) };
        let now = services.now();
        let secrets = match self.secret_name() {
            Some(name) => self.named(services, name).await?,
            None => manage::secrets(services, &self.row, now)?,
        };
        Ok(proof::of(&webhook.verify, &secrets, call, now))
    }

    /// Name of the organization's secret that callers prove themselves with; none when the hook has its own.
    fn secret_name(&self) -> Option<&str> {
        match &self.webhook()?.verify {
            Verify::None => None,
            Verify::HmacSha256 { secret, .. } | Verify::StandardWebhooks { secret } => secret.as_deref(),
        }
    }

    /// The secret of the organization; without it, or when it is so short that it can be guessed, nobody can prove
    /// anything.
    async fn named(&self, services: &Services, name: &str) -> Result<Vec<Secret>, ServiceError> {
        let organization = self.row.organization_id;
        let found = parts::secrets(services, organization, &[name.to_owned()]).await?;
        if found.is_empty() {
            warn!(hook.id = %self.row.id, secret.name = name, "hook {} names the secret `{name}`, which does not exist", self.row.id);
        }
        let shortest = *manage::SECRET_BYTES.start();
        let values = found.into_values().map(|secret| secret.value);
        let (usable, short): (Vec<_>, Vec<_>) = values.partition(|value| value.reveal().len() >= shortest);
        if !short.is_empty() {
            warn!(
                hook.id = %self.row.id,
                secret.name = name,
                "hook {} names the secret `{name}`, which is shorter than {shortest} bytes and proves nobody",
                self.row.id,
            );
        }
        Ok(usable)
    }
}
