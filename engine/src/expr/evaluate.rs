//! Evaluates conditions and explains how they came out.

use std::borrow::Cow;

use serde_json::Value;

use super::EvalError;
use super::condition::{Condition, Leaf, Node};
use super::explanation::{Explanation, UNKNOWN};
use super::holds::holds;
use super::scope::{Scope, lookup};
use super::size::kept;
use super::template::Template;

impl Condition {
    /// How the condition comes out, and why.
    ///
    /// # Errors
    /// When an expression cannot be computed; with `missing_fields: error` also when a field is
    /// missing or two values cannot be compared.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Explanation, EvalError> {
        let mut explanation = node(&self.node, scope)?;
        explanation.mark_deciding_leaf();
        explanation.at = Some(scope.now());
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
            explanation.left = value.map(|value| kept(Cow::Owned(value), &mut explanation.is_cut));
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
    for (at, member) in members.iter().enumerate() {
        let child = node(member, scope)?;
        let has_decided = child.result == deciding;
        children.push(child);
        if has_decided {
            let mut explanation = Explanation::group(op, deciding, children);
            explanation.others = members[at + 1..].iter().map(|member| aside(member, scope)).collect();
            return Ok(explanation);
        }
    }
    Ok(Explanation::group(op, !deciding, children))
}

/// A part that was not needed: what would turn the whole depends on it too.
///
/// Nothing that can fail or takes long is computed, so expressions stay unknown.
fn aside(condition: &Node, scope: &dyn Scope) -> Explanation {
    let group = |op, members: &[Node]| {
        let mut explanation = Explanation::group(op, false, Vec::new());
        explanation.others = members.iter().map(|member| aside(member, scope)).collect();
        explanation
    };
    match condition {
        Node::And(members) => group("and", members),
        Node::Or(members) => group("or", members),
        Node::Not(inner) => group("not", std::slice::from_ref(inner)),
        Node::Expression(_) => Explanation::group(UNKNOWN, false, Vec::new()),
        Node::Constant(value) => Explanation::group("expression", *value, Vec::new()),
        Node::Leaf(condition) if condition.value.as_ref().is_some_and(Template::computes) => {
            Explanation::group(UNKNOWN, false, Vec::new())
        }
        Node::Leaf(condition) => {
            leaf(condition, scope).unwrap_or_else(|_no_answer| Explanation::group(UNKNOWN, false, Vec::new()))
        }
    }
}

/// What counts as true when an expression stands alone.
pub(super) fn is_true(value: &Value) -> bool {
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
        let (pattern, right) = (condition.pattern.as_ref(), right.as_deref().unwrap_or(&Value::Null));
        match holds(operator, pattern, left.as_deref(), right, scope.now()) {
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
    let template = condition.value.as_ref().filter(|template| !template.is_literal());
    let mut is_cut = false;
    let left_missing = left.is_none();
    Ok(Explanation {
        op: operator.name().to_owned(),
        result,
        field: Some(condition.field.as_str().to_owned()),
        left_missing,
        left: left.map(|value| kept(value, &mut is_cut)),
        right: right.map(|value| kept(value, &mut is_cut)),
        right_from: template.map(|template| kept(Cow::Borrowed(template.source()), &mut is_cut)),
        is_cut,
        decided: false,
        warning,
        at: None,
        left_source: None,
        right_source: None,
        children: Vec::new(),
        others: Vec::new(),
    })
}
