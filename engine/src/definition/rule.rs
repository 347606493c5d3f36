//! The definition of a rule, by its kind.

use super::action;
use super::reader::{At, Object};
use super::trigger::optional;
use crate::check::rules;
use crate::expr::Condition;
use crate::rule::{Body, Check, Enrichment, RuleKind};

/// Checks of one validation.
const MOST_CHECKS: usize = 200;

pub(crate) fn decode(kind: RuleKind, at: &At<'_>) -> Option<Body> {
    match kind {
        RuleKind::Condition => conditions(at).map(Body::Condition),
        RuleKind::Validation => checks(at).map(Body::Checks),
        RuleKind::Enrichment => enrichment(at).map(Body::Enrichment),
    }
}

/// A condition, or `conditions`, all of which have to hold.
fn conditions(at: &At<'_>) -> Option<Condition> {
    if at.value.get("conditions").is_none() {
        return at.condition();
    }
    let mut object = at.object("the definition of a condition")?;
    let conditions = object.need("conditions").and_then(|at| {
        let entries = at.list()?;
        if entries.is_empty() {
            at.report(rules::MISSING_KEY, "`conditions` needs at least one condition", None);
            return None;
        }
        let compiled: Vec<Option<Condition>> = entries.iter().map(At::condition).collect();
        compiled.into_iter().collect::<Option<Vec<_>>>()
    });
    object.finish(|key| is_condition_key(key).then(|| format!("put `{key}` into an entry of `conditions`")));
    conditions.map(Condition::all_of)
}

fn is_condition_key(key: &str) -> bool {
    matches!(key, "field" | "operator" | "value" | "and" | "or" | "not" | "expression")
}

fn checks(at: &At<'_>) -> Option<Vec<Check>> {
    let mut object = at.object("the definition of a validation")?;
    let checks = object.need("checks").and_then(|at| {
        let entries = at.list()?;
        if entries.is_empty() || entries.len() > MOST_CHECKS {
            let message = format!("`checks` has 1 to {MOST_CHECKS} checks, not {}", entries.len());
            at.report(rules::OUT_OF_RANGE, message, None);
            return None;
        }
        let compiled: Vec<Option<Check>> = entries.iter().map(check).collect();
        compiled.into_iter().collect::<Option<Vec<_>>>()
    });
    object.finish_plain();
    checks
}

fn check(at: &At<'_>) -> Option<Check> {
    let mut object = at.object("a check")?;
    let when = condition(&mut object, "when");
    let condition = object.need("condition").and_then(|at| at.condition());
    let message = object.need("message").and_then(|at| at.text_template());
    object.finish(|key| is_condition_key(key).then(|| format!("put `{key}` into `condition`")));
    Some(Check { when, condition: condition?, message: message? })
}

fn enrichment(at: &At<'_>) -> Option<Enrichment> {
    let mut object = at.object("the definition of an enrichment")?;
    let when = condition(&mut object, "when");
    let values = object.need("set").and_then(|at| action::assignments(&at));
    object.finish_plain();
    Some(Enrichment { when, values: values? })
}

/// A condition that may be absent; one that cannot be read is reported, and the rule has no value then.
fn condition(object: &mut Object<'_>, key: &'static str) -> Option<Condition> {
    optional(object.take(key), At::condition)
}
