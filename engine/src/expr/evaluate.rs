//! Evaluates conditions and explains how they came out.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Value, json};

use super::compare::{equal, order};
use super::condition::{Condition, Leaf, Node, pattern};
use super::explanation::Explanation;
use super::measure::take;
use super::operator::Operator;
use super::scope::{Scope, lookup};
use super::{EvalError, moment};
use crate::duration;

impl Condition {
    /// How the condition comes out, and why.
    ///
    /// # Errors
    /// When an expression cannot be computed; with `missing_fields: error` also when a field is
    /// missing or two values cannot be compared.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Explanation, EvalError> {
        let mut explanation = node(&self.node, scope)?;
        explanation.mark_deciding_leaf();
        Ok(explanation)
    }
}

fn node(condition: &Node, scope: &dyn Scope) -> Result<Explanation, EvalError> {
    match condition {
        Node::And(members) => group("and", members, false, scope),
        Node::Or(members) => group("or", members, true, scope),
        Node::Not(inner) => {
            let inner = node(inner, scope)?;
            Ok(Explanation::group("not", !inner.result, vec![inner]))
        }
        Node::Expression(expression) => {
            let value = expression.evaluate_if_present(scope)?;
            if value.is_none() && scope.missing_is_error() {
                return Err(EvalError::Missing { field: expression.source().to_owned() });
            }
            let mut explanation = Explanation::group("expression", value.as_ref().is_some_and(is_true), Vec::new());
            explanation.field = Some(expression.source().to_owned());
            explanation.left_missing = value.is_none();
            explanation.left = value.map(|value| explained(Cow::Owned(value)));
            Ok(explanation)
        }
        Node::Leaf(condition) => leaf(condition, scope),
        Node::Constant(value) => {
            let mut explanation = Explanation::group("expression", *value, Vec::new());
            explanation.field = Some(value.to_string());
            Ok(explanation)
        }
    }
}

/// Looks at the members until one decides.
fn group(op: &'static str, members: &[Node], deciding: bool, scope: &dyn Scope) -> Result<Explanation, EvalError> {
    let mut children = Vec::with_capacity(members.len());
    for member in members {
        let child = node(member, scope)?;
        let has_decided = child.result == deciding;
        children.push(child);
        if has_decided {
            return Ok(Explanation::group(op, deciding, children));
        }
    }
    Ok(Explanation::group(op, !deciding, children))
}

/// What counts as true when an expression stands alone.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(members) => !members.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn leaf(condition: &Leaf, scope: &dyn Scope) -> Result<Explanation, EvalError> {
    let left = lookup(scope, &condition.field);
    let operator = condition.operator;
    let right: Option<Cow<'_, Value>> = match &condition.value {
        None => None,
        Some(template) if template.is_literal() => Some(Cow::Borrowed(template.source())),
        Some(template) => Some(Cow::Owned(template.render(scope)?)),
    };
    let is_missing = left.as_deref().is_none_or(Value::is_null);
    let mut warning = None;
    let result = if is_missing && operator.needs_value() {
        if scope.missing_is_error() {
            return Err(EvalError::Missing { field: condition.field.as_str().to_owned() });
        }
        warning = Some(format!("`{}` is missing", condition.field));
        operator.when_missing()
    } else {
        let null = Value::Null;
        match holds(
            condition,
            left.as_deref().unwrap_or(&null),
            left.is_some(),
            right.as_deref().unwrap_or(&null),
            scope,
        ) {
            Ok(result) => result,
            Err(reason) if scope.missing_is_error() => {
                return Err(EvalError::Mismatch { field: condition.field.as_str().to_owned(), reason });
            }
            Err(reason) => {
                warning = Some(reason);
                operator.when_missing()
            }
        }
    };
    Ok(Explanation {
        op: operator.name().to_owned(),
        result,
        field: Some(condition.field.as_str().to_owned()),
        left_missing: left.is_none(),
        left: left.map(explained),
        right: right.map(explained),
        decided: false,
        warning,
        children: Vec::new(),
    })
}

/// Whether the operator holds; the reason when it cannot be said.
fn holds(condition: &Leaf, left: &Value, is_present: bool, right: &Value, scope: &dyn Scope) -> Result<bool, String> {
    let now = scope.now();
    let ordered =
        |wanted: fn(Ordering) -> bool| order(left, right, now).map(wanted).ok_or_else(|| no_order(left, right));
    match condition.operator {
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
            match &condition.pattern {
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
            Ok(if condition.operator == Operator::Before { left_at < right_at } else { left_at > right_at })
        }
        Operator::WithinLast | Operator::OlderThan => {
            let at = moment::of_value(left, now).ok_or_else(|| format!("{} is not a moment", kind(left)))?;
            let length = right
                .as_str()
                .and_then(|text| duration::parse(text).ok())
                .ok_or_else(|| format!("{} is not a length of time", kind(right)))?;
            let limit = now.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
            Ok(if condition.operator == Operator::WithinLast { at.0 >= limit && at <= now } else { at.0 < limit })
        }
        Operator::EqIgnoringCase => {
            both_texts(left, right).map(|(left, right)| left.to_lowercase() == right.to_lowercase())
        }
        Operator::ContainsIgnoringCase => {
            both_texts(left, right).map(|(left, right)| left.to_lowercase().contains(&right.to_lowercase()))
        }
    }
}

/// Largest value that an explanation repeats, in bytes. A switch may look at one large value in each
/// of its cases; each of them explained in full would be that many copies.
const MAX_EXPLAINED: usize = 4 * 1024;
/// Characters of a longer text that are repeated.
const KEPT: usize = 1_000;

fn explained(value: Cow<'_, Value>) -> Value {
    if take(&value, &mut { MAX_EXPLAINED }) {
        return value.into_owned();
    }
    match value.as_ref() {
        Value::String(text) => {
            let preview: String = text.chars().take(KEPT).collect();
            json!({ "$truncated": true, "bytes": text.len(), "preview": preview })
        }
        Value::Array(members) => json!({ "$truncated": true, "length": members.len() }),
        Value::Object(fields) => json!({ "$truncated": true, "length": fields.len() }),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.into_owned(),
    }
}

fn contains(left: &Value, right: &Value, now: crate::Timestamp) -> Result<bool, String> {
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
