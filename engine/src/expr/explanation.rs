//! Why a condition came out as it did.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operator::Operator;
use super::text::to_text;

/// A condition, or part of one, with what it read and how it came out.
///
/// Parts that were not looked at, because an earlier one had decided, are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// `and`, `or`, `not`, `expression`, or the operator's canonical name.
    pub op: String,
    /// How it came out.
    pub result: bool,
    /// What the left side is read from; of an expression, its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The left value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Value>,
    /// The right value, rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Value>,
    /// There was no left value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub left_missing: bool,
    /// This leaf decided the whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub decided: bool,
    /// Something to look at, such as a missing field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The parts that were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Longest value in a summary, in characters.
const MAX_SHOWN: usize = 120;

impl Explanation {
    pub(super) fn group(op: &'static str, result: bool, children: Vec<Self>) -> Self {
        Self {
            op: op.to_owned(),
            result,
            field: None,
            left: None,
            right: None,
            left_missing: false,
            decided: false,
            warning: None,
            children,
        }
    }

    /// Marks the leaf that decided: the last one looked at.
    pub(super) fn mark_deciding_leaf(&mut self) {
        match self.children.last_mut() {
            Some(last) => last.mark_deciding_leaf(),
            None => self.decided = true,
        }
    }

    /// The leaf that decided.
    #[must_use]
    pub fn deciding_leaf(&self) -> &Self {
        self.children.iter().find_map(|child| child.find_decided()).unwrap_or(self)
    }

    fn find_decided(&self) -> Option<&Self> {
        if self.decided { Some(self) } else { self.children.iter().find_map(Self::find_decided) }
    }

    /// The condition as text, such as `order.total gte 10000`.
    #[must_use]
    pub fn expression(&self) -> String {
        match self.op.as_str() {
            "and" | "or" => self
                .children
                .iter()
                .map(|child| format!("({})", child.expression()))
                .collect::<Vec<_>>()
                .join(&format!(" {} ", self.op)),
            "not" => format!("not ({})", self.children.first().map(Self::expression).unwrap_or_default()),
            "expression" => self.field.clone().unwrap_or_default(),
            operator => {
                let field = self.field.as_deref().unwrap_or_default();
                match &self.right {
                    Some(right) => format!("{field} {operator} {right}"),
                    None => format!("{field} {operator}"),
                }
            }
        }
    }

    /// In words: `order.total 12500 is at least 10000`; of a group, the leaf that decided.
    #[must_use]
    pub fn summary(&self) -> String {
        if !self.children.is_empty() {
            return self.deciding_or_last().summary();
        }
        let field = self.field.as_deref().unwrap_or_default();
        let Some(operator) = Operator::parse(&self.op) else {
            return format!("`{field}` is {}", if self.result { "true" } else { "false" });
        };
        if self.left_missing && operator.needs_value() {
            return format!("{field} is missing");
        }
        let (holds, fails) = operator.words();
        let words = if self.result { holds } else { fails };
        let left = match (&self.left, operator) {
            (_, Operator::Exists | Operator::NotExists) | (None, _) => String::new(),
            (Some(left), _) => format!(" {}", shown(left)),
        };
        match &self.right {
            Some(Value::Array(bounds)) if operator == Operator::Between && bounds.len() == 2 => {
                format!("{field}{left} {words} {} and {}", shown(&bounds[0]), shown(&bounds[1]))
            }
            Some(right) => format!("{field}{left} {words} {}", shown(right)),
            None => format!("{field}{left} {words}"),
        }
    }

    fn deciding_or_last(&self) -> &Self {
        match self.find_decided() {
            Some(leaf) => leaf,
            None => self
                .children
                .last()
                .map_or(self, |last| if last.children.is_empty() { last } else { last.deciding_or_last() }),
        }
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => format!("\"{text}\""),
        other => to_text(other),
    };
    if text.chars().count() <= MAX_SHOWN {
        return text;
    }
    text.chars().take(MAX_SHOWN).chain(std::iter::once('…')).collect()
}
