//! Values of a leaf's left side that may turn the leaf.

use serde_json::{Number, Value};

use super::content;
use super::place::Place;
use crate::expr::explanation::{Explanation, shown};
use crate::expr::operator::Operator;
use crate::expr::{equal, moment};
use crate::{Timestamp, duration};

/// A value that may turn a leaf.
pub(super) struct Proposal {
    /// The value; `None`: absent.
    pub(super) value: Option<Value>,
    pub(super) words: String,
    /// How far it is from the value there is, relative to the larger of the two.
    pub(super) distance: Option<f64>,
}

/// Members of a list that are proposed.
const MOST_MEMBERS: usize = 20;
/// Longest list or text that is proposed: a payload has no longer ones.
const LONGEST: u64 = 1_000_000;

impl Proposal {
    pub(super) fn of(value: Value) -> Self {
        Self { words: shown(&value), value: Some(value), distance: None }
    }

    pub(super) fn said(value: Value, words: impl Into<String>) -> Self {
        Self { value: Some(value), words: words.into(), distance: None }
    }
}

/// What may turn the leaf, none of it tried yet.
pub(super) fn proposals(leaf: &Explanation, place: &Place, now: Timestamp) -> Vec<Proposal> {
    let Some(operator) = Operator::parse(&leaf.op) else { return Vec::new() };
    if leaf.is_cut {
        return Vec::new();
    }
    let left = leaf.left.as_ref().unwrap_or(&Value::Null);
    let right = leaf.right.as_ref().unwrap_or(&Value::Null);
    let mut found = match operator {
        Operator::Exists | Operator::NotExists => presence(left, place, !leaf.left_missing),
        Operator::IsNull | Operator::IsEmpty => emptiness(operator, left),
        Operator::Eq | Operator::Neq | Operator::EqIgnoringCase => {
            vec![Proposal::of(right.clone()), other_than(left, right, std::slice::from_ref(right), now)]
        }
        Operator::In | Operator::NotIn => match right {
            Value::Array(members) => {
                let mut all: Vec<_> = members.iter().take(MOST_MEMBERS).cloned().map(Proposal::of).collect();
                all.push(other_than(left, right, members, now));
                all
            }
            _no_list => Vec::new(),
        },
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte | Operator::Before | Operator::After => {
            around(left, right, operator, now)
        }
        Operator::Between => match right.as_array().map(Vec::as_slice) {
            Some([low, high]) => {
                let mut all = around(left, low, operator, now);
                all.extend(around(left, high, operator, now));
                all
            }
            _no_bounds => Vec::new(),
        },
        Operator::WithinLast | Operator::OlderThan => ages(left, right, now),
        Operator::Contains
        | Operator::NotContains
        | Operator::ContainsIgnoringCase
        | Operator::HasAll
        | Operator::HasAny
        | Operator::StartsWith
        | Operator::EndsWith => content::proposals(operator, left, right, now),
        Operator::Regex => Vec::new(),
    };
    if place.is_length {
        let can_be = |value: &Value| value.as_u64().is_some_and(|length| length <= LONGEST);
        found.retain(|proposal| proposal.value.as_ref().is_some_and(can_be));
    }
    for proposal in &mut found {
        proposal.distance = proposal.value.as_ref().and_then(|value| distance(left, value, now));
    }
    found
}

/// How far two numbers or moments are apart; moments relative to their distance from now.
fn distance(from: &Value, to: &Value, now: Timestamp) -> Option<f64> {
    let (from, to) = match (from, to) {
        (Value::Number(from), Value::Number(to)) => (from.as_f64()?, to.as_f64()?),
        (Value::String(_), Value::String(_)) => {
            let ago = |value| moment::of_value(value, now).map(|at| at.0.saturating_sub(now.0));
            #[expect(clippy::cast_precision_loss, reason = "distances are only compared")]
            let pair = (ago(from)? as f64, ago(to)? as f64);
            pair
        }
        _no_distance => return None,
    };
    let larger = from.abs().max(to.abs());
    Some(if larger > 0.0 { (from - to).abs() / larger } else { 0.0 })
}

fn presence(left: &Value, place: &Place, is_present: bool) -> Vec<Proposal> {
    if !is_present {
        return vec![Proposal::said(Value::Bool(true), "any value")];
    }
    // Without its members a list has other members in their places.
    if place.is_member || left.is_null() && place.is_length {
        return Vec::new();
    }
    vec![Proposal { value: None, words: "absent".to_owned(), distance: None }]
}

fn emptiness(operator: Operator, left: &Value) -> Vec<Proposal> {
    let empty = match left {
        Value::String(_) => Value::String(String::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(serde_json::Map::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Value::Null,
    };
    let filled = || Proposal::said(Value::Bool(true), "any value");
    match operator {
        Operator::IsNull => vec![Proposal::of(Value::Null), filled()],
        _is_empty => vec![Proposal::said(empty, "empty"), filled()],
    }
}

/// A value of the same kind that equals none of `taken`.
fn other_than(left: &Value, said: &Value, taken: &[Value], now: Timestamp) -> Proposal {
    let is_free = |value: &Value| !taken.iter().any(|one| equal(one, value, now));
    let value = match left {
        Value::Bool(value) => Value::Bool(!value),
        Value::Number(number) => (1..=64).filter_map(|by| beside(number, by)).find(is_free).unwrap_or(Value::Null),
        Value::String(text) => {
            let longer = |by: usize| Value::String(format!("{text}{}", "x".repeat(by)));
            (1..=64).map(longer).find(is_free).unwrap_or(Value::Null)
        }
        Value::Null | Value::Array(_) | Value::Object(_) => Value::String("x".to_owned()),
    };
    Proposal::said(value, format!("anything but {}", shown(said)))
}

fn beside(number: &Number, by: i64) -> Option<Value> {
    match number.as_i64() {
        Some(whole) => whole.checked_add(by).map(Value::from),
        None => number.as_f64().map(|fraction| Value::from(fraction + f64::from(i32::try_from(by).unwrap_or(1)))),
    }
}

/// The bound itself, and the nearest value on each side of it.
fn around(left: &Value, bound: &Value, operator: Operator, now: Timestamp) -> Vec<Proposal> {
    let by_time = matches!(operator, Operator::Before | Operator::After);
    match bound {
        Value::Number(number) if !by_time => {
            let bound = Proposal::of(bound.clone());
            std::iter::once(bound).chain(next_to(number, left)).collect()
        }
        Value::Number(_) | Value::String(_) => {
            let Some(at) = moment::of_value(bound, now) else { return Vec::new() };
            let as_number = left.is_number() && by_time;
            // The bound as it is written, if that does not move with the present.
            let same = if bound.is_string() == as_number { written(at, as_number) } else { bound.clone() };
            let is_fixed = same.as_str().is_none_or(|text| !text.trim().starts_with("now"));
            let same = if is_fixed { same } else { written(at, as_number) };
            let beside = |by: i64| Proposal::of(written(Timestamp(at.0.saturating_add(by)), as_number));
            vec![Proposal::of(same), beside(1), beside(-1)]
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

fn written(at: Timestamp, as_number: bool) -> Value {
    if as_number { Value::from(at.0) } else { Value::String(at.to_rfc3339()) }
}

/// The numbers next to `bound`: whole ones when both sides are whole, else the nearest fraction.
fn next_to(bound: &Number, left: &Value) -> Vec<Proposal> {
    let is_whole = |number: &Number| number.is_i64() || number.is_u64();
    if is_whole(bound) && left.as_number().is_none_or(is_whole) {
        let (above, below) = match (bound.as_i64(), bound.as_u64()) {
            (Some(bound), _) => (bound.checked_add(1).map(Value::from), bound.checked_sub(1).map(Value::from)),
            (None, Some(bound)) => (bound.checked_add(1).map(Value::from), bound.checked_sub(1).map(Value::from)),
            (None, None) => (None, None),
        };
        return above.into_iter().chain(below).map(Proposal::of).collect();
    }
    let Some(at) = bound.as_f64() else { return Vec::new() };
    let shown = shown(&Value::Number(bound.clone()));
    vec![
        Proposal::said(Value::from(at.next_up()), format!("more than {shown}")),
        Proposal::said(Value::from(at.next_down()), format!("less than {shown}")),
    ]
}

/// The edges of `within_last` and `older_than`.
fn ages(left: &Value, right: &Value, now: Timestamp) -> Vec<Proposal> {
    let Some(length) = right.as_str().and_then(|text| duration::parse(text).ok()) else { return Vec::new() };
    let limit = now.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
    [limit, limit.saturating_sub(1), now.0, now.0.saturating_add(1)]
        .into_iter()
        .map(|at| Proposal::of(written(Timestamp(at), left.is_number())))
        .collect()
}
