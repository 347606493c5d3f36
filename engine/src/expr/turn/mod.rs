//! The smallest change of one value that would turn a condition's outcome.
//!
//! Found from the explanation alone, when it is read: each leaf proposes values of its left side,
//! and a proposal counts only if the whole condition, worked out again with it, comes out otherwise.

mod content;
mod place;
mod propose;
mod retry;

use std::cmp::Ordering;

use serde_json::Value;

use self::place::Place;
use self::propose::{Proposal, proposals};
use self::retry::{Change, outcome};
use super::explanation::{Explanation, UNKNOWN};
use crate::Timestamp;

/// One value that, put in place of what was read, turns the outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The path of the value.
    pub field: String,
    /// What it would have to be; `None`: absent.
    pub value: Option<Value>,
    /// The same in words: `1000`, `more than 1000`, `any value`.
    pub words: String,
}

/// Leaves that are tried: conditions with more are rare, and trying is quadratic.
const MOST_LEAVES: usize = 100;

impl Explanation {
    /// The smallest change of one value on a left side that would turn the outcome.
    ///
    /// Numbers and moments come first, the one with the smallest relative distance before others;
    /// then everything else in listed order. `None` when no single value turns it, or none is
    /// known: of expressions and patterns, of values too large to be kept, and when `now` is not known.
    #[must_use]
    pub fn smallest_change(&self) -> Option<Turn> {
        let now = self.at?;
        let mut leaves = Vec::new();
        collect(self, &mut leaves);
        let mut best: Option<(Option<f64>, Turn)> = None;
        for leaf in leaves.into_iter().take(MOST_LEAVES) {
            let Some(found) = turning(self, leaf, now) else { continue };
            let is_better = match (&best, found.0) {
                (None, _) | (Some((None, _)), Some(_)) => true,
                (Some(_), None) => false,
                (Some((Some(held), _)), Some(new)) => new.total_cmp(held) == Ordering::Less,
            };
            if is_better {
                best = Some(found);
            }
        }
        best.map(|(_, turn)| turn)
    }

    /// The smallest change as a sentence: ``it would not hold if `order.total` were 999``.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        let turn = self.smallest_change()?;
        let holds = if self.result { "it would not hold" } else { "it would hold" };
        Some(format!("{holds} if `{}` were {}", turn.field, turn.words))
    }
}

/// The best proposal of one leaf that turns the whole, with its distance.
fn turning(whole: &Explanation, leaf: &Explanation, now: Timestamp) -> Option<(Option<f64>, Turn)> {
    let field = leaf.field.as_deref()?;
    let place = Place::of_changeable(field)?;
    let mut proposals = proposals(leaf, &place, now);
    // Stable: without a distance, and at the same one, in the order they were proposed.
    proposals.sort_by(|left, right| match (left.distance, right.distance) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    let turns = |proposal: &Proposal| {
        let change = Change { place: &place, value: proposal.value.as_ref() };
        outcome(whole, &change, now) == Some(!whole.result)
    };
    let Proposal { value, words, distance } = proposals.into_iter().find(turns)?;
    Some((distance, Turn { field: field.to_owned(), value, words }))
}

fn collect<'e>(explanation: &'e Explanation, leaves: &mut Vec<&'e Explanation>) {
    match explanation.op.as_str() {
        "and" | "or" | "not" => {
            explanation.children.iter().chain(&explanation.others).for_each(|part| collect(part, leaves));
        }
        "expression" | UNKNOWN => {}
        _operator => leaves.push(explanation),
    }
}
