//! Whether an operator holds between two values.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::compare::{equal, order};
use super::condition::pattern;
use super::moment;
use super::operator::Operator;
use crate::{Timestamp, duration};

/// Whether the operator holds; the reason when it cannot be said.
///
/// `compiled` is the compiled right side of `regex`, when it is a literal.
pub(super) fn holds(
    operator: Operator,
    compiled: Option<&Regex>,
    left: Option<&Value>,
    right: &Value,
    now: Timestamp,
) -> Result<bool, String> {
    let is_present = left.is_some();
    let left = left.unwrap_or(&Value::Null);
    let ordered =
        |wanted: fn(Ordering) -> bool| order(left, right, now).map(wanted).ok_or_else(|| no_order(left, right));
    match operator {
        Operator::Eq => Ok(equal(left, right, now)),
        Operator::Neq => Ok(!equal(left, right, now)),
        Operator::Gt => ordered(Ordering::is_gt),
        Operator::Gte => ordered(Ordering::is_ge),
        Operator::Lt => ordered(Ordering::is_lt),
        Operator::Lte => ordered(Ordering::is_le),
        Operator::Between => match right.as_array().map(Vec::as_slice) {
            Some([low, high]) => match (order(left, low, now), order(left, high, now)) {
                (Some(above), Some(below)) => Ok(above.is_ge() && below.is_le()),
                _no_order => Err(no_order(left, low)),
            },
            _other => Err("`between` takes a list of two values".to_owned()),
        },
        Operator::In => list(right).map(|members| members.iter().any(|member| equal(left, member, now))),
        Operator::NotIn => list(right).map(|members| !members.iter().any(|member| equal(left, member, now))),
        Operator::Contains => contains(left, right, now),
        Operator::NotContains => contains(left, right, now).map(|found| !found),
        Operator::HasAll => both_lists(left, right)
            .map(|(has, wanted)| wanted.iter().all(|one| has.iter().any(|member| equal(member, one, now)))),
        Operator::HasAny => both_lists(left, right)
            .map(|(has, wanted)| wanted.iter().any(|one| has.iter().any(|member| equal(member, one, now)))),
        Operator::StartsWith => both_texts(left, right).map(|(left, right)| left.starts_with(right)),
        Operator::EndsWith => both_texts(left, right).map(|(left, right)| left.ends_with(right)),
        Operator::Regex => {
            let (text, written) = both_texts(left, right)?;
            match compiled {
                Some(compiled) => Ok(compiled.is_match(text)),
                None => pattern(written).map(|compiled| compiled.is_match(text)),
            }
        }
        Operator::Exists => Ok(is_present),
        Operator::NotExists => Ok(!is_present),
        Operator::IsNull => Ok(left.is_null()),
        Operator::IsEmpty => Ok(match left {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(members) => members.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }),
        Operator::Before | Operator::After => {
            let (left_at, right_at) = (moment::of_value(left, now), moment::of_value(right, now));
            let (Some(left_at), Some(right_at)) = (left_at, right_at) else {
                return Err(format!("{} and {} are not both moments", kind(left), kind(right)));
            };
            Ok(if operator == Operator::Before { left_at < right_at } else { left_at > right_at })
        }
        Operator::WithinLast | Operator::OlderThan => {
            let at = moment::of_value(left, now).ok_or_else(|| format!("{} is not a moment", kind(left)))?;
            let length = right
                .as_str()
                .and_then(|text| duration::parse(text).ok())
                .ok_or_else(|| format!("{} is not a length of time", kind(right)))?;
            let limit = now.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
            Ok(if operator == Operator::WithinLast { at.0 >= limit && at <= now } else { at.0 < limit })
        }
        Operator::EqIgnoringCase => {
            both_texts(left, right).map(|(left, right)| left.to_lowercase() == right.to_lowercase())
        }
        Operator::ContainsIgnoringCase => {
            both_texts(left, right).map(|(left, right)| left.to_lowercase().contains(&right.to_lowercase()))
        }
    }
}

fn contains(left: &Value, right: &Value, now: Timestamp) -> Result<bool, String> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(left.contains(right.as_str())),
        (Value::Array(members), right) => Ok(members.iter().any(|member| equal(member, right, now))),
        (Value::Object(fields), Value::String(key)) => Ok(fields.contains_key(key)),
        (left, right) => Err(format!("{} cannot contain {}", kind(left), kind(right))),
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{} is not a list", kind(value)))
}

fn both_lists<'a>(left: &'a Value, right: &'a Value) -> Result<(&'a Vec<Value>, &'a Vec<Value>), String> {
    Ok((list(left)?, list(right)?))
}

fn both_texts<'a>(left: &'a Value, right: &'a Value) -> Result<(&'a str, &'a str), String> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok((left, right)),
        (left, right) => Err(format!("{} and {} are not both texts", kind(left), kind(right))),
    }
}

fn no_order(left: &Value, right: &Value) -> String {
    format!("{} and {} have no order", kind(left), kind(right))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
