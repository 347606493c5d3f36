//! Equality and order of JSON values: numbers by value, moments by instant, texts by code point.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::moment;
use crate::Timestamp;

/// Whether two values are equal: numbers by value, moments by instant; `5` does not equal `"5"`.
pub fn equal(left: &Value, right: &Value, now: Timestamp) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => numbers(left, right) == Some(Ordering::Equal),
        (Value::String(left), Value::String(right)) => {
            left == right || moments(left, right, now) == Some(Ordering::Equal)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right, now))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| equal(left, right, now)))
        }
        (left, right) => left == right,
    }
}

/// The order of two values; `None` when they have none: only numbers and moments do.
pub(super) fn order(left: &Value, right: &Value, now: Timestamp) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        (Value::String(left), Value::String(right)) => moments(left, right, now),
        _no_order => None,
    }
}

/// Two texts as moments; `None` unless both are.
fn moments(left: &str, right: &str, now: Timestamp) -> Option<Ordering> {
    let read = |text: &str| moment::absolute(text).or_else(|| moment::relative(text, now));
    Some(read(left)?.cmp(&read(right)?))
}

/// Two numbers by value, exact for whole numbers of 64 bits.
pub(super) fn numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        return Some(left.cmp(&right));
    }
    left.as_f64()?.partial_cmp(&right.as_f64()?)
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_763_000_000_000);

    #[test]
    fn numbers_are_compared_by_value_and_never_with_texts() {
        assert!(equal(&json!(5), &json!(5.0), NOW));
        assert!(!equal(&json!(5), &json!("5"), NOW));
        assert_eq!(
            order(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64), NOW),
            Some(Ordering::Greater)
        );
        assert_eq!(order(&json!(u64::MAX), &json!(-1), NOW), Some(Ordering::Greater));
        assert_eq!(order(&json!(5), &json!("6"), NOW), None);
    }

    #[test]
    fn moments_are_compared_by_instant() {
        assert!(equal(&json!("2025-01-01T12:00:00Z"), &json!("2025-01-01T13:00:00+01:00"), NOW));
        assert_eq!(order(&json!("2025-01-01"), &json!("2025-01-01T00:00:01Z"), NOW), Some(Ordering::Less));
        assert_eq!(order(&json!("2020-01-01T00:00:00Z"), &json!("now-30d"), NOW), Some(Ordering::Less));
        assert_eq!(order(&json!("apple"), &json!("pear"), NOW), None);
    }
}
