//! Holds a seen value against an expected one, and says where they differ.

use std::collections::BTreeSet;

use engine::Timestamp;
use serde_json::Value;

use crate::expect::Difference;
use crate::matcher;
use crate::secrets::hidden;

/// How much of a value is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Of objects, only the keys that are given.
    Part,
}

/// How what was seen is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'s> {
    /// When the run began.
    pub(crate) began: Timestamp,
    /// Values that may stand as `***` in what is expected.
    pub(crate) secrets: &'s BTreeSet<String>,
}

impl Reading<'_> {
    fn fits(self, expected: &str, seen: &str) -> bool {
        let is_shown = || expected.contains("***") && !self.secrets.is_empty();
        matcher::fits(expected, seen, self.began)
            || (is_shown() && matcher::fits(expected, &hidden(seen, self.secrets), self.began))
    }
}

/// Adds what differs at `place`.
pub(crate) fn compare(
    expected: &Value,
    seen: &Value,
    extent: Extent,
    place: &str,
    reading: Reading<'_>,
    differences: &mut Vec<Difference>,
) {
    match (expected, seen) {
        (Value::String(expected), Value::String(seen)) if reading.fits(expected, seen) => {}
        (Value::String(expected), _) if expected == "<any>" => {}
        (Value::Number(left), Value::Number(right)) if is_same_number(left, right) => {}
        (Value::Object(left), Value::Object(right)) => {
            for (name, expected) in left {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let seen = right.get(name).unwrap_or(&Value::Null);
                compare(expected, seen, extent, &place, reading, differences);
            }
            if extent == Extent::Whole {
                for (name, seen) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                    differences.push(Difference::surplus(&format!("{place}.{name}"), seen));
                }
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (index, expected) in left.iter().enumerate() {
                let place = format!("{place}[{index}]");
                match right.get(index) {
                    Some(seen) => compare(expected, seen, extent, &place, reading, differences),
                    None => differences.push(Difference::missing(&place, expected)),
                }
            }
            for (index, seen) in right.iter().enumerate().skip(left.len()) {
                differences.push(Difference::surplus(&format!("{place}[{index}]"), seen));
            }
        }
        (expected, seen) if expected == seen => {}
        (expected, seen) => differences.push(Difference::other(place, expected, seen)),
    }
}

fn is_same_number(left: &serde_json::Number, right: &serde_json::Number) -> bool {
    left == right || (left.as_f64().is_some() && left.as_f64() == right.as_f64())
}
