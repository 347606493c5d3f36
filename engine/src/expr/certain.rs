//! Conditions whose outcome is certain, whatever the data.

use serde_json::Value;

use super::compare::numbers;
use super::condition::{Leaf, Node};
use super::operator::Operator;

/// How a condition always comes out, when that is certain.
pub(super) fn outcome(node: &Node) -> Option<bool> {
    match node {
        Node::Constant(value) => Some(*value),
        Node::Not(inner) => outcome(inner).map(|value| !value),
        Node::And(members) if members.iter().any(|member| outcome(member) == Some(false)) => Some(false),
        Node::And(members) if members.iter().all(|member| outcome(member) == Some(true)) => Some(true),
        Node::And(members) => contradict(members).then_some(false),
        Node::Or(members) if members.iter().any(|member| outcome(member) == Some(true)) => Some(true),
        Node::Or(members) => members.iter().all(|member| outcome(member) == Some(false)).then_some(false),
        Node::Expression(expression) => match expression.source() {
            "true" => Some(true),
            "false" => Some(false),
            _depends => None,
        },
        Node::Leaf(leaf) => literal(leaf).and_then(|value| leaf_outcome(leaf.operator, value)),
    }
}

fn literal(leaf: &Leaf) -> Option<&Value> {
    leaf.value.as_ref().filter(|value| value.is_literal()).map(super::template::Template::source)
}

/// A list without members, and bounds in the wrong order.
fn leaf_outcome(operator: Operator, value: &Value) -> Option<bool> {
    let members = value.as_array()?.as_slice();
    match (operator, members) {
        (Operator::In | Operator::HasAny, []) => Some(false),
        (Operator::NotIn, []) => Some(true),
        (Operator::Between, [Value::Number(low), Value::Number(high)]) => {
            numbers(low, high).filter(|order| order.is_gt()).map(|_reversed| false)
        }
        _depends => None,
    }
}

/// What a leaf demands of a number.
#[derive(Clone, Copy)]
struct Interval {
    low: f64,
    high: f64,
    /// Whether the ends themselves do not fit.
    is_low_open: bool,
    is_high_open: bool,
}

impl Interval {
    const fn is_empty(self) -> bool {
        self.low > self.high || (self.low >= self.high && (self.is_low_open || self.is_high_open))
    }

    fn and(self, other: Self) -> Self {
        let (low, is_low_open) = match self.low.total_cmp(&other.low) {
            std::cmp::Ordering::Less => (other.low, other.is_low_open),
            std::cmp::Ordering::Greater => (self.low, self.is_low_open),
            std::cmp::Ordering::Equal => (self.low, self.is_low_open || other.is_low_open),
        };
        let (high, is_high_open) = match self.high.total_cmp(&other.high) {
            std::cmp::Ordering::Less => (self.high, self.is_high_open),
            std::cmp::Ordering::Greater => (other.high, other.is_high_open),
            std::cmp::Ordering::Equal => (self.high, self.is_high_open || other.is_high_open),
        };
        Self { low, high, is_low_open, is_high_open }
    }
}

/// The numbers with which a leaf holds; `None` when it is not about numbers.
fn interval(leaf: &Leaf) -> Option<Interval> {
    let value = literal(leaf)?;
    let above = |low, is_low_open| Interval { low, high: f64::INFINITY, is_low_open, is_high_open: false };
    let below = |high, is_high_open| Interval { low: f64::NEG_INFINITY, high, is_low_open: false, is_high_open };
    let exact = |number: f64| number.abs() < 9e15;
    let number = value.as_f64().filter(|number| exact(*number));
    Some(match (leaf.operator, number) {
        (Operator::Gt, Some(bound)) => above(bound, true),
        (Operator::Gte, Some(bound)) => above(bound, false),
        (Operator::Lt, Some(bound)) => below(bound, true),
        (Operator::Lte, Some(bound)) => below(bound, false),
        (Operator::Eq, Some(bound)) => above(bound, false).and(below(bound, false)),
        (Operator::Between, None) => {
            let [low, high] = value.as_array()?.as_slice() else { return None };
            let (low, high) = (low.as_f64().filter(|low| exact(*low))?, high.as_f64().filter(|high| exact(*high))?);
            above(low, false).and(below(high, false))
        }
        _other => return None,
    })
}

/// Whether two members want of one field what no value can be: `a > 5` and `a < 3`, `a = "x"` and
/// `a = "y"`.
fn contradict(members: &[Node]) -> bool {
    let leaves: Vec<&Leaf> = members
        .iter()
        .filter_map(|member| match member {
            Node::Leaf(leaf) => Some(leaf),
            _group => None,
        })
        .collect();
    leaves.iter().enumerate().any(|(at, left)| {
        leaves.iter().skip(at + 1).filter(|right| left.field == right.field).any(|right| {
            let ranges = interval(left).zip(interval(right));
            let is_empty = ranges.is_some_and(|(left, right)| left.and(right).is_empty());
            is_empty || differ(left, right)
        })
    })
}

/// Whether both say what the field equals, and say different things.
fn differ(left: &Leaf, right: &Leaf) -> bool {
    if (left.operator, right.operator) != (Operator::Eq, Operator::Eq) {
        return false;
    }
    match (literal(left), literal(right)) {
        // Two texts can be one moment.
        (Some(Value::String(left)), Some(Value::String(right))) => {
            left != right && !(super::is_moment(left) && super::is_moment(right))
        }
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left != right,
        (Some(left), Some(right)) => {
            let is_plain = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
            is_plain(left) && is_plain(right) && std::mem::discriminant(left) != std::mem::discriminant(right)
        }
        _templates => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::expr::Condition;

    fn certain(condition: &serde_json::Value) -> Option<bool> {
        Condition::compile(condition).unwrap().constant()
    }

    fn both(left: (&str, serde_json::Value), right: (&str, serde_json::Value)) -> Option<bool> {
        let leaf = |(operator, value)| json!({ "field": "a", "operator": operator, "value": value });
        certain(&json!({ "and": [leaf(left), leaf(right)] }))
    }

    #[test]
    fn demands_that_no_value_meets_are_always_false() {
        assert_eq!(both(("gt", json!(5)), ("lt", json!(3))), Some(false));
        assert_eq!(both(("gt", json!(5)), ("lte", json!(5))), Some(false));
        assert_eq!(both(("between", json!([1, 2])), ("eq", json!(3))), Some(false));
        assert_eq!(both(("eq", json!("x")), ("eq", json!("y"))), Some(false));
        assert_eq!(both(("eq", json!(true)), ("eq", json!("true"))), Some(false));
        assert_eq!(certain(&json!({ "field": "a", "operator": "in", "value": [] })), Some(false));
        assert_eq!(certain(&json!({ "field": "a", "operator": "between", "value": [9, 1] })), Some(false));
    }

    #[test]
    fn demands_that_some_value_meets_are_not_certain() {
        assert_eq!(both(("gte", json!(5)), ("lte", json!(5))), None);
        assert_eq!(both(("gt", json!(3)), ("lt", json!(5))), None);
        assert_eq!(both(("eq", json!("2025-01-01")), ("eq", json!("2025-01-01T00:00:00Z"))), None);
        assert_eq!(both(("contains", json!("x")), ("contains", json!("y"))), None);
        assert_eq!(certain(&json!({ "field": "a", "operator": "between", "value": [1, 1] })), None);
    }
}
