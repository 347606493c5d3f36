//! Works a condition out again from its explanation, with one value changed.

use regex::Regex;
use serde_json::Value;

use super::place::Place;
use crate::Timestamp;
use crate::expr::condition::pattern;
use crate::expr::explanation::{Explanation, UNKNOWN};
use crate::expr::holds::holds;
use crate::expr::operator::Operator;
use crate::expr::{Expression, Template};

/// One value that is another one; absent when `None`.
pub(super) struct Change<'c> {
    pub(super) place: &'c Place,
    pub(super) value: Option<&'c Value>,
}

/// How the condition would come out; `None` when that cannot be said.
pub(super) fn outcome(explanation: &Explanation, change: &Change<'_>, now: Timestamp) -> Option<bool> {
    let mut parts = explanation.children.iter().chain(&explanation.others);
    match explanation.op.as_str() {
        "and" => group(parts, false, change, now),
        "or" => group(parts, true, change, now),
        "not" => outcome(parts.next()?, change, now).map(|inner| !inner),
        UNKNOWN => None,
        "expression" => expression(explanation, change),
        operator => leaf(explanation, Operator::parse(operator)?, change, now),
    }
}

/// In listed order, as an evaluation does: behind a part that is not known, nothing is.
#[expect(single_use_lifetimes, reason = "`impl Trait` cannot leave it out")]
fn group<'e>(
    parts: impl Iterator<Item = &'e Explanation>,
    deciding: bool,
    change: &Change<'_>,
    now: Timestamp,
) -> Option<bool> {
    for part in parts {
        if outcome(part, change, now)? == deciding {
            return Some(deciding);
        }
    }
    Some(!deciding)
}

/// An expression is as it was if it does not read what changes.
fn expression(explanation: &Explanation, change: &Change<'_>) -> Option<bool> {
    let Some(text) = &explanation.field else { return Some(explanation.result) };
    let reads = Expression::compile(text).ok()?.reads();
    is_apart(&reads, change).then_some(explanation.result)
}

fn is_apart(reads: &[String], change: &Change<'_>) -> bool {
    reads.iter().all(|read| Place::of(read).is_some_and(|place| !place.touches(change.place)))
}

fn leaf(leaf: &Explanation, operator: Operator, change: &Change<'_>, now: Timestamp) -> Option<bool> {
    let place = Place::of(leaf.field.as_deref()?)?;
    if let Some(source) = &leaf.right_from {
        let reads = Template::compile(source).ok()?.reads();
        if !is_apart(&reads, change) {
            return None;
        }
    }
    if !place.touches(change.place) {
        return Some(leaf.result);
    }
    if !place.is(change.place) || leaf.is_cut {
        return None;
    }
    let is_missing = change.value.is_none_or(Value::is_null);
    if is_missing && operator.needs_value() {
        // An error with `missing_fields: error`.
        return None;
    }
    let right = leaf.right.as_ref().unwrap_or(&Value::Null);
    let compiled: Option<Regex> = match (operator, right) {
        (Operator::Regex, Value::String(text)) => Some(pattern(text).ok()?),
        _no_pattern => None,
    };
    holds(operator, compiled.as_ref(), change.value, right, now).ok()
}
