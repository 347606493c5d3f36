//! Rules that a case gives to the workflow under test.

use std::collections::BTreeMap;

use engine::plan::{PinnedRule, Plan, Settings};
use engine::problem::Problem;
use engine::rule::{RuleKind, check, names};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, CaseError};
use crate::world::RunError;

/// A rule as a case gives it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleStub {
    /// `condition`, `validation` or `enrichment`.
    kind: KindName,
    /// Conditions and effects, as a rule has them.
    definition: Value,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Condition,
    Validation,
    Enrichment,
}

impl RuleStub {
    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> RuleKind {
        match self.kind {
            KindName::Condition => RuleKind::Condition,
            KindName::Validation => RuleKind::Validation,
            KindName::Enrichment => RuleKind::Enrichment,
        }
    }
}

impl Case {
    /// The rules that it gives, compiled; they count as version 1.
    pub(crate) fn rules(&self) -> Result<BTreeMap<String, PinnedRule>, CaseError> {
        let mut rules = BTreeMap::new();
        for (slug, stub) in &self.stubs.rules {
            let checked = check(stub.kind(), &stub.definition);
            let Some(rule) = checked.rule else {
                let wrong = checked.problems.iter().find(|problem| problem.is_error());
                let wrong = wrong.map(Problem::to_string).unwrap_or_default();
                return Err(self.invalid(format!("`stubs.rules.{slug}`: {wrong}")));
            };
            rules.insert(slug.clone(), PinnedRule { rule, version: 1 });
        }
        Ok(rules)
    }
}

/// The plan with the rules of the case before its own; `None` when the case gives none and the plan has all.
pub(crate) fn with_rules(plan: &Plan, case: &Case) -> Result<Option<Plan>, RunError> {
    let mut given = case.rules()?;
    let named = names(plan.definition());
    if let Some(slug) = named.iter().find(|slug| plan.rule(slug).is_none() && !given.contains_key(*slug)) {
        return Err(RunError::NoRule(slug.clone()));
    }
    if given.is_empty() {
        return Ok(None);
    }
    for slug in named {
        if let Some(known) = plan.rule(&slug) {
            given.entry(slug).or_insert_with(|| known.clone());
        }
    }
    let settings = Settings { default_timeout: plan.timeout() };
    let plan = Plan::new(plan.definition().clone(), settings).map_err(RunError::Plan)?;
    Ok(Some(plan.with_rules(given)))
}
