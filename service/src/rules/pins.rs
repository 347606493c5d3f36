//! Which versions of rules an execution has: decided when it is started, recorded in its row, the same for its life.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::plan::PinnedRule;
use ids::{OrganizationId, RuleId};
use serde::{Deserialize, Serialize};
use store::Store;

use super::compiled;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::LoadedVersion;
use crate::services::Services;

/// Rule and number of its version, by slug. As text it is always the same for the same versions: plans are cached by
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pins(BTreeMap<String, (RuleId, i32)>);

/// The versions that an execution gets which begins now; `None` when its definition names no rule.
///
/// # Errors
/// A rule that was deleted or disabled, as may be the case for a version that is not the published one; the database
/// away.
#[boxed]
pub async fn pin(
    services: &Services,
    organization: OrganizationId,
    version: &LoadedVersion,
) -> Result<Option<String>, ServiceError> {
    pin_with(services, organization, version, BTreeMap::new()).await
}

/// The versions that an execution has when it goes on with another version of its workflow: those that it `had`, and
/// the current ones of the rules that it did not know.
///
/// # Errors
/// As [`pin`].
#[boxed]
pub async fn pin_anew(
    services: &Services,
    organization: OrganizationId,
    version: &LoadedVersion,
    had: Option<&str>,
) -> Result<Option<String>, ServiceError> {
    let had = had.map(Pins::of).transpose()?.map_or_else(BTreeMap::new, |pins| pins.0);
    pin_with(services, organization, version, had).await
}

async fn pin_with(
    services: &Services,
    organization: OrganizationId,
    version: &LoadedVersion,
    had: BTreeMap<String, (RuleId, i32)>,
) -> Result<Option<String>, ServiceError> {
    if version.rules.is_empty() {
        return Ok(None);
    }
    let mut pins: BTreeMap<_, _> = had.into_iter().filter(|(slug, _)| version.rules.contains(slug)).collect();
    let unknown = version.rules.iter().filter(|slug| !pins.contains_key(*slug)).cloned().collect();
    let current = services.plans().current_rules(services.store(), organization, &unknown).await?;
    let mut mistakes = Vec::new();
    for (slug, rule) in current {
        match rule {
            Some(rule) if rule.is_enabled => {
                pins.insert(slug, (rule.id, rule.version));
            }
            known => {
                let (code, state) = match known {
                    Some(_) => (Code::WrongState, "is disabled"),
                    None => (Code::NotFound, "does not exist any more"),
                };
                let message = format!("version {} needs the rule `{slug}`, which {state}", version.number);
                let help = "Create or enable the rule, or start the published version.";
                mistakes.push(Mistake::new(code, "version", message).with_help(help));
            }
        }
    }
    if mistakes.is_empty() { Ok(Some(Pins(pins).text())) } else { Err(ServiceError::Mistakes(mistakes)) }
}

impl Pins {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// As a row tells them.
    pub fn of(text: &str) -> Result<Self, ServiceError> {
        serde_json::from_str(text).map_err(|error| broken(error.into()))
    }

    /// Loads and compiles the versions, those of deleted rules too.
    #[boxed]
    pub async fn load(
        &self,
        store: &Store,
        organization: OrganizationId,
    ) -> Result<BTreeMap<String, PinnedRule>, ServiceError> {
        let wanted: Vec<(RuleId, i32)> = self.0.values().copied().collect();
        let rows = store.rule_versions(organization, &wanted).await?;
        let mut rules = BTreeMap::new();
        for (slug, (id, number)) in &self.0 {
            let row = rows.iter().find(|row| (row.rule_id, row.number) == (*id, *number));
            let row = row.ok_or_else(|| broken(format!("version {number} of {id} is missing").into()))?;
            let rule = compiled(row.kind, &row.definition)?;
            rules.insert(slug.clone(), PinnedRule { rule, version: *number });
        }
        Ok(rules)
    }
}

fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> ServiceError {
    ServiceError::Internal { what: "the rules of an execution cannot be read", source }
}
