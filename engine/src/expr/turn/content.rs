//! Values that contain, begin or end with something, or no longer do.

use serde_json::{Map, Value};

use super::propose::Proposal;
use crate::Timestamp;
use crate::expr::equal;
use crate::expr::explanation::shown;
use crate::expr::operator::Operator;

/// The left side with what the operator looks for, and without it.
pub(super) fn proposals(operator: Operator, left: &Value, right: &Value, now: Timestamp) -> Vec<Proposal> {
    match (operator, left, right) {
        (Operator::StartsWith, Value::String(text), Value::String(start)) => both(
            format!("{start}{text}"),
            String::new(),
            right,
            "a text that begins with",
            "a text that does not begin with",
        ),
        (Operator::EndsWith, Value::String(text), Value::String(end)) => {
            both(format!("{text}{end}"), String::new(), right, "a text that ends with", "a text that does not end with")
        }
        (Operator::HasAll | Operator::HasAny, Value::Array(members), Value::Array(wanted)) => {
            lists(operator, members, wanted, now)
        }
        (Operator::HasAll | Operator::HasAny, Value::Null, Value::Array(wanted)) => lists(operator, &[], wanted, now),
        (_, Value::String(text), Value::String(part)) => {
            both(format!("{text}{part}"), without(text, part, operator), right, "a text with", "a text without")
        }
        (_, Value::Array(members), right) => lists(Operator::HasAny, members, std::slice::from_ref(right), now),
        (_, Value::Object(fields), Value::String(key)) => fields_with(fields, key),
        (_, Value::Null, Value::String(part)) => vec![Proposal::of(Value::String(part.clone()))],
        _no_content => Vec::new(),
    }
}

fn both(with: String, without: String, right: &Value, holds: &str, fails: &str) -> Vec<Proposal> {
    let right = shown(right);
    vec![
        Proposal::said(Value::String(with), format!("{holds} {right}")),
        Proposal::said(Value::String(without), format!("{fails} {right}")),
    ]
}

fn without(text: &str, part: &str, operator: Operator) -> String {
    // Taking out one occurrence may make another: an empty text has none for certain.
    let shorter = if part.is_empty() { String::new() } else { text.replace(part, "") };
    let is_left = shorter.contains(part) || operator == Operator::ContainsIgnoringCase;
    if is_left { String::new() } else { shorter }
}

fn lists(operator: Operator, members: &[Value], wanted: &[Value], now: Timestamp) -> Vec<Proposal> {
    let has = |one: &Value| members.iter().any(|member| equal(member, one, now));
    let lacking: Vec<Value> = wanted.iter().filter(|one| !has(one)).cloned().collect();
    let without = |gone: &[Value]| {
        let stays = |member: &&Value| !gone.iter().any(|one| equal(member, one, now));
        Value::Array(members.iter().filter(stays).cloned().collect())
    };
    let added = |new: &[Value]| Value::Array(members.iter().chain(new).cloned().collect());
    let (new, gone) = match operator {
        Operator::HasAll => (lacking.as_slice(), wanted.get(..1).unwrap_or_default()),
        _has_any => (wanted.get(..1).unwrap_or_default(), wanted),
    };
    let names = |list: &[Value]| list.iter().map(shown).collect::<Vec<_>>().join(" and ");
    vec![
        Proposal::said(added(new), format!("a list with {} too", names(new))),
        Proposal::said(without(gone), format!("a list without {}", names(gone))),
    ]
}

fn fields_with(fields: &Map<String, Value>, key: &str) -> Vec<Proposal> {
    let (mut with, mut without) = (fields.clone(), fields.clone());
    with.insert(key.to_owned(), Value::Bool(true));
    without.remove(key);
    vec![
        Proposal::said(Value::Object(with), format!("an object with `{key}`")),
        Proposal::said(Value::Object(without), format!("an object without `{key}`")),
    ]
}
