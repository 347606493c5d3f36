//! Where a value stands, so that two paths to one value are recognised.

use crate::expr::path::{Part, Path};

/// The parts of a path, those that stand for the same value written in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    parts: Vec<String>,
    /// The last part is a member of a list, which cannot be taken away alone.
    pub(super) is_member: bool,
    /// It may be the length of a list or text rather than a value of its own.
    pub(super) is_length: bool,
}

/// Stands for every member of a list.
const EACH: &str = "*";

impl Place {
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = Path::parse(path).ok()?;
        let mut parts = vec![path.root.clone()];
        parts.extend(path.parts.iter().map(|part| match part {
            Part::Key(key) => key.clone(),
            Part::Index(index) => index.to_string(),
            Part::Each => EACH.to_owned(),
        }));
        // Other ways to the payload.
        if parts[0] == "event" && parts.len() > 1 {
            parts.remove(0);
        } else if parts[0] == "trigger" && parts.len() > 2 && parts[1] == "payload" {
            parts.drain(..2);
        }
        let last = parts.last().map(String::as_str).unwrap_or_default();
        let is_member = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let is_length = last == "length";
        Some(Self { parts, is_member, is_length })
    }

    /// The place of a path whose value can be another one: not the present, nor many values at once.
    pub(super) fn of_changeable(path: &str) -> Option<Self> {
        let place = Self::of(path)?;
        let root = place.parts[0].as_str();
        let is_present = root == "today" || root.starts_with("now");
        (!is_present && place.parts.iter().all(|part| part != EACH)).then_some(place)
    }

    /// Whether they stand for one and the same value.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.parts == other.parts
    }

    /// Whether a change of one could change the other.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let (left, right) = (self.parts[0].as_str(), other.parts[0].as_str());
        // The last answer is the output of some step, too, and an awaited event can be the payload.
        let may_be_one = |one: &str, two: &str| matches!((one, two), ("data", "steps") | ("event" | "trigger", _));
        if left != right && (may_be_one(left, right) || may_be_one(right, left)) {
            return true;
        }
        self.parts.iter().zip(&other.parts).all(|(left, right)| left == right || left == EACH || right == EACH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        Place::of(path).unwrap()
    }

    #[test]
    fn two_ways_of_writing_a_path_are_one_place() {
        assert!(place("items[0].sku").is(&place("items.0[\"sku\"]")));
        assert!(place("event.order.total").is(&place("order.total")));
        assert!(!place("order.total").is(&place("order.tax")));
    }

    #[test]
    fn what_lies_above_or_below_is_touched() {
        assert!(place("order").touches(&place("order.total")));
        assert!(place("items.length").touches(&place("items")));
        assert!(place("items.*.qty").touches(&place("items[3].qty")));
        assert!(place("data.id").touches(&place("steps.call.output.id")));
        assert!(!place("order.total").touches(&place("order.tax")));
    }
}
