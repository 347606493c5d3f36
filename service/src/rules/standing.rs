//! What an organization has of the rules that a definition names.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::check::{RuleStanding, rule_names};
use engine::definition::{Definition, Format};
use engine::plan::PinnedRule;
use engine::rule::{Rule, RuleKind};
use ids::OrganizationId;
use serde_json::Value;
use store::{NewRuleUse, RULE_UNUSABLE, RuleRow, StoreError};

use super::kind_of;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::hooks::address_taken;
use crate::services::Services;

/// Rules that are looked through for what a misspelt name was meant for.
const MOST_NAMES: u64 = 2_000;

/// The rules of an organization, as far as a text names them.
#[derive(Debug, Default)]
pub struct Known {
    rules: BTreeMap<String, RuleRow>,
    /// Those of test cases, which count as if the organization had them.
    given: BTreeMap<String, RuleKind>,
    /// What there is, when something is not there.
    names: Vec<String>,
}

impl Known {
    /// Reads what `source` names; `given` need not exist.
    #[boxed]
    pub async fn read(
        services: &Services,
        organization: OrganizationId,
        source: &str,
        format: Format,
        given: BTreeMap<String, RuleKind>,
    ) -> Result<Self, ServiceError> {
        // Most texts name none, and need not be read twice.
        if !source.contains("rule_id") {
            return Ok(Self::default());
        }
        // One that cannot be a slug is not looked for: PostgreSQL would refuse to.
        let slugs: Vec<String> =
            rule_names(source, format).into_iter().filter(|slug| engine::definition::is_slug(slug)).collect();
        let rows = services.store().rules_by_slugs(organization, &slugs).await?;
        let rules: BTreeMap<String, RuleRow> = rows.into_iter().map(|row| (row.slug.clone(), row)).collect();
        let is_complete = slugs.iter().all(|slug| rules.contains_key(slug) || given.contains_key(slug));
        let names =
            if is_complete { Vec::new() } else { services.store().rule_slugs(organization, MOST_NAMES).await? };
        Ok(Self { rules, given, names })
    }

    /// What there is under a name.
    pub fn standing(&self, slug: &str) -> RuleStanding {
        if let Some(kind) = self.given.get(slug) {
            return RuleStanding::Enabled(*kind);
        }
        match self.rules.get(slug) {
            Some(rule) if rule.is_enabled => RuleStanding::Enabled(kind_of(rule.kind)),
            Some(_) => RuleStanding::Disabled,
            None => RuleStanding::absent(slug, &self.names),
        }
    }

    /// Where a checked definition names rules.
    pub fn uses(&self, definition: &Definition) -> Vec<NewRuleUse> {
        let uses = engine::rule::uses(definition).into_iter();
        uses.filter_map(|used| {
            let rule = self.rules.get(&used.rule)?;
            Some(NewRuleUse { rule_id: rule.id, step: used.step, pointer: used.pointer })
        })
        .collect()
    }

    /// The rules as they are now, compiled.
    pub fn current(&self) -> Result<BTreeMap<String, PinnedRule>, ServiceError> {
        let compile = |row: &RuleRow| {
            let rule = compiled(row.kind, &row.definition)?;
            Ok((row.slug.clone(), PinnedRule { rule, version: row.version }))
        };
        self.rules.values().map(compile).collect()
    }
}

/// A stored rule, ready to be evaluated.
pub fn compiled(kind: store::RuleKind, definition: &str) -> Result<Rule, ServiceError> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| ServiceError::Internal {
        what: "a stored rule does not compile",
        source,
    };
    let value: Value = serde_json::from_str(definition).map_err(|error| broken(error.into()))?;
    let checked = engine::rule::check(kind_of(kind), &value);
    checked.rule.ok_or_else(|| {
        let first = checked.problems.first().map_or_else(String::new, |problem| problem.message.clone());
        broken(first.into())
    })
}

/// The mistake behind a publication that the rules or addresses of others stand in the way of; other errors as they
/// are.
pub fn unusable(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict { constraint, source } if constraint == RULE_UNUSABLE => {
            let mistake = Mistake::new(Code::Conflict, "", source.to_string());
            ServiceError::mistake(mistake.with_help("Check the definition again: it names the rule."))
        }
        error => address_taken(error),
    }
}
