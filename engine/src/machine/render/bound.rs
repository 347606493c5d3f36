//! Values bounded for storage.

use serde_json::{Value, json};

use crate::Shared;
use crate::expr::measure::{MAX_VALUE_DEPTH, is_deeper};

/// Largest output that is stored whole, in bytes of JSON.
pub(in crate::machine) const MAX_STORED: usize = 256 * 1024;
/// Characters of a truncated output that are kept.
const KEPT: usize = 1_000;

/// Deepest nesting of a stored output. It may be saved 32 parts below the context, which stands some
/// levels below the root of the stored state, and serde_json reads no more than 128 levels.
const MAX_STORED_DEPTH: usize = 80;
/// Deepest nesting of what comes from outside and is read by templates.
const MAX_GIVEN_DEPTH: usize = MAX_VALUE_DEPTH;

/// What comes from outside, with a marker in place of everything that is nested too deep.
pub(in crate::machine) fn given(value: Value) -> Value {
    shallow(value, MAX_GIVEN_DEPTH)
}

fn shallow(mut value: Value, levels: usize) -> Value {
    if is_deeper(&value, levels) {
        cut_below(&mut value, levels);
    }
    value
}

fn cut_below(value: &mut Value, levels: usize) {
    match value {
        // The marker is an object, so it takes the last level that is left.
        Value::Array(_) | Value::Object(_) if levels <= 1 && is_deeper(value, levels) => {
            *value = json!({ "$truncated": true });
        }
        Value::Array(members) => members.iter_mut().for_each(|member| cut_below(member, levels - 1)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut_below(field, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `output`, or a marker that says how large it was.
pub(in crate::machine) fn bounded(output: Value, keep_full: bool) -> Value {
    let output = shallow(output, MAX_STORED_DEPTH);
    // Small values, the usual case, are told apart without being written as text.
    if keep_full || is_surely_small(&output, &mut 2_000) {
        return output;
    }
    let text = output.to_string();
    if text.len() <= MAX_STORED {
        return output;
    }
    truncated(&text)
}

fn truncated(text: &str) -> Value {
    json!({ "$truncated": true, "bytes": text.len(), "preview": text.chars().take(KEPT).collect::<String>() })
}

/// The same of a value that others may have too: only what has to be cut is copied.
pub(in crate::machine) fn bounded_shared(output: Shared, keep_full: bool) -> Shared {
    if !is_deeper(&output, MAX_STORED_DEPTH) && (keep_full || is_surely_small(&output, &mut 2_000)) {
        return output;
    }
    bounded(output.into_value(), keep_full).into()
}

/// Many outcomes as one list, bounded: what is cut anyway is not copied before.
pub(in crate::machine) fn bounded_list(members: Vec<&Value>, keep_full: bool) -> Value {
    // An eighth, because long numbers and escaped characters take more than they are counted.
    let may_be_over = || members.iter().map(|member| size(member)).sum::<usize>() > MAX_STORED / 8;
    if !keep_full && may_be_over() {
        let text = serde_json::to_string(&members).expect("a value is JSON");
        if text.len() > MAX_STORED {
            return truncated(&text);
        }
    }
    Value::Array(members.into_iter().cloned().collect())
}

/// Bytes of a value as JSON, about.
pub(in crate::machine) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(members) => 2 + members.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 2 + fields.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>(),
    }
}

/// The output of an action, bounded: of an HTTP answer only the body is cut, so that its status stays.
pub(in crate::machine) fn bounded_answer(mut output: Value, keep_full: bool) -> Value {
    if let Value::Object(fields) = &mut output
        && fields.contains_key("status")
        && let Some(body) = fields.get_mut("body")
    {
        *body = bounded(std::mem::take(body), keep_full);
    }
    bounded(output, keep_full)
}

/// Whether a value has so few and so short parts that it cannot be over the limit.
fn is_surely_small(value: &Value, budget: &mut usize) -> bool {
    let mut spend = |cost: usize| {
        *budget = budget.saturating_sub(cost.max(1));
        *budget > 0
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => spend(1),
        Value::String(text) => spend(text.len() / 16),
        Value::Array(members) => spend(1) && members.iter().all(|member| is_surely_small(member, budget)),
        Value::Object(fields) => {
            let keys: usize = fields.keys().map(|key| 1 + key.len() / 16).sum();
            spend(keys) && fields.values().all(|field| is_surely_small(field, budget))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_over_the_limit_is_truncated() {
        let small = json!({ "a": [1, 2, 3], "b": "text" });
        assert_eq!(bounded(small.clone(), false), small);
        let large = json!({ "text": "x".repeat(MAX_STORED) });
        let cut = bounded(large.clone(), false);
        assert_eq!((&cut["$truncated"], cut["bytes"].as_u64()), (&json!(true), Some(MAX_STORED as u64 + 11)));
        assert_eq!(bounded(large.clone(), true), large, "keep_output: full");
        let many = json!((0..50_000).collect::<Vec<_>>());
        assert_eq!(bounded(many, false)["$truncated"], true);
    }

    #[test]
    fn a_list_of_outcomes_is_cut_as_if_it_had_been_put_together_first() {
        for (count, keep_full) in [(3, false), (40_000, false), (80_000, false), (80_000, true)] {
            let outcomes: Vec<Shared> = (0..count).map(|number| Shared::from(json!(number))).collect();
            let whole = json!((0..count).collect::<Vec<_>>());
            assert_eq!(
                bounded_list(outcomes.iter().map(|outcome| &**outcome).collect(), keep_full),
                bounded(whole, keep_full),
                "{count} {keep_full}"
            );
        }
    }

    #[test]
    fn a_shared_value_is_copied_only_if_it_is_cut() {
        let small = Shared::from(json!({ "a": [1, 2] }));
        let same = bounded_shared(small.clone(), false);
        assert!(std::ptr::eq(&raw const *small, &raw const *same));
        let large = Shared::from(json!("x".repeat(MAX_STORED)));
        assert_eq!(bounded_shared(large.clone(), false)["$truncated"], true);
        assert_eq!(bounded_shared(large.clone(), true), large);
    }
}
