//! Why a condition came out as it did.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::evaluate::is_true;
use super::operator::Operator;
use super::size::kept;
use super::source::Source;
use super::text::to_text;
use crate::Timestamp;

/// `op` of a part that was not needed and that is not computed for its own sake.
pub(super) const UNKNOWN: &str = "unknown";

/// A condition, or part of one, with what it read and how it came out.
///
/// Parts that were not needed, because an earlier one had decided, are not among the `children`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each tells another thing, and all are stored by name")]
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
    /// How the right side is written, unless it is a literal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_from: Option<Value>,
    /// A value was too large to be kept whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cut: bool,
    /// There was no left value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub left_missing: bool,
    /// This leaf decided the whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub decided: bool,
    /// Something to look at, such as a missing field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The moment that `now` stood for; only of a whole condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Where the left value came from; the trace tells it.
    #[serde(skip)]
    pub left_source: Option<Source>,
    /// Where the right value came from; the trace tells it.
    #[serde(skip)]
    pub right_source: Option<Source>,
    /// The parts that were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
    /// The parts that were not needed any more, as far as they are known without a computation:
    /// the smallest change depends on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Self>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl From<Explanation> for Value {
    /// What serialising it gives, without a copy of what it holds. Each key goes behind the last: a condition is
    /// explained in every execution.
    fn from(why: Explanation) -> Self {
        let Explanation {
            op,
            result,
            field,
            left,
            right,
            right_from,
            is_cut,
            left_missing,
            decided,
            warning,
            at,
            left_source: _,
            right_source: _,
            children,
            others,
        } = why;
        let list = |parts: Vec<Explanation>| Self::Array(parts.into_iter().map(Self::from).collect());
        let flag = |is_set: bool| is_set.then_some(Self::Bool(true));
        let present = [
            ("at", at.map(|at| Self::from(at.0))),
            ("children", (!children.is_empty()).then(|| list(children))),
            ("decided", flag(decided)),
            ("field", field.map(Self::String)),
            ("is_cut", flag(is_cut)),
            ("left", left),
            ("left_missing", flag(left_missing)),
            ("op", Some(Self::String(op))),
            ("others", (!others.is_empty()).then(|| list(others))),
            ("result", Some(Self::Bool(result))),
            ("right", right),
            ("right_from", right_from),
            ("warning", warning.map(Self::String)),
        ];
        let mut fields = Map::new();
        for (key, value) in present.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            fields.insert(key.to_owned(), value);
        }
        Self::Object(fields)
    }
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
            right_from: None,
            is_cut: false,
            left_missing: false,
            decided: false,
            warning: None,
            at: None,
            left_source: None,
            right_source: None,
            children,
            others: Vec::new(),
        }
    }

    /// Several parts that all have to hold, every one of which was looked at; the first that does not has decided.
    /// Without parts it holds.
    pub(crate) fn all_of(mut parts: Vec<Self>, now: Timestamp) -> Self {
        let decided = parts.iter().position(|part| !part.result).or_else(|| parts.len().checked_sub(1));
        let Some(decided) = decided else {
            let nothing = Self {
                field: Some("true".to_owned()),
                decided: true,
                at: Some(now),
                ..Self::group("expression", true, parts)
            };
            return nothing;
        };
        for (index, part) in parts.iter_mut().enumerate() {
            part.at = None;
            if index != decided {
                part.unmark();
            }
        }
        let result = parts[decided].result;
        Self { at: Some(now), ..Self::group("and", result, parts) }
    }

    /// A value that was computed as a whole, as of an expression: no parts of it are known.
    #[must_use]
    pub fn computed(source: &str, value: Option<&Value>, now: Timestamp) -> Self {
        let mut why = Self::group("expression", value.is_some_and(is_true), Vec::new());
        why.field = Some(source.to_owned());
        why.left_missing = value.is_none();
        why.left = value.map(|value| kept(Cow::Borrowed(value), &mut why.is_cut));
        Self { decided: true, at: Some(now), ..why }
    }

    fn unmark(&mut self) {
        self.decided = false;
        self.children.iter_mut().for_each(Self::unmark);
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

    /// Where the left value came from, as far as it is known.
    #[must_use]
    pub fn left_source(&self) -> Source {
        let told = self.left_source.clone();
        told.unwrap_or_else(|| match (&self.field, self.op.as_str()) {
            (_, "expression") => Source::Computed,
            _leaf if self.left_missing => Source::Nowhere,
            (field, _) => field.as_deref().and_then(Source::of_path).unwrap_or(Source::Trigger),
        })
    }

    /// Where the right value came from, as far as it is known.
    #[must_use]
    pub fn right_source(&self) -> Source {
        let told = self.right_source.clone();
        told.unwrap_or(if self.right_from.is_none() { Source::Literal } else { Source::Computed })
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

/// A value in a sentence: texts in quotes, long ones cut.
pub(super) fn shown(value: &Value) -> String {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_explanation_as_a_value_is_what_serialising_it_gives() {
        let leaf = Explanation {
            field: Some("order.total".to_owned()),
            left: Some(json!(12)),
            right: Some(json!(10)),
            right_from: Some(json!("{{ limit }}")),
            is_cut: true,
            left_missing: true,
            decided: true,
            warning: Some("look".to_owned()),
            ..Explanation::group("gte", true, Vec::new())
        };
        let whole = Explanation {
            at: Some(Timestamp(1_763_000_000_000)),
            others: vec![leaf.clone()],
            ..Explanation::group("or", true, vec![Explanation::group("exists", false, Vec::new()), leaf])
        };
        let written = serde_json::to_value(&whole).expect("it is plain data");
        assert_eq!(Value::from(whole), written);
    }
}
