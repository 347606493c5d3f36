//! Values as explanations keep them: whole when they are small, else what they begin with.

use std::borrow::Cow;

use serde_json::Value;

use super::measure::take;

/// Longest text that is kept whole, in bytes; lists and objects may have as many in all.
const MOST_KEPT: usize = 1024;

/// The value, or its beginning; sets `is_cut` when something was left out.
pub(super) fn kept(value: Cow<'_, Value>, is_cut: &mut bool) -> Value {
    if take(&value, &mut { MOST_KEPT }) {
        return value.into_owned();
    }
    *is_cut = true;
    match &*value {
        Value::String(text) => {
            let end = (0..=MOST_KEPT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
            Value::String(format!("{}…", text.get(..end).unwrap_or_default()))
        }
        Value::Array(members) => Value::String(format!("a list of {} entries", members.len())),
        Value::Object(fields) => Value::String(format!("an object of {} fields", fields.len())),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keep(value: &Value) -> (Value, bool) {
        let mut is_cut = false;
        (kept(Cow::Borrowed(value), &mut is_cut), is_cut)
    }

    #[test]
    fn small_values_are_kept_as_they_are() {
        for value in [json!(null), json!(12.5), json!("text"), json!([1, 2]), json!({ "a": { "b": 1 } })] {
            assert_eq!(keep(&value), (value.clone(), false));
        }
    }

    #[test]
    fn of_large_values_only_the_beginning_or_the_size_is_kept() {
        let (text, is_cut) = keep(&json!("ä".repeat(5_000)));
        assert!(is_cut && text.as_str().unwrap().len() <= MOST_KEPT + 3);
        assert_eq!(keep(&json!(vec![1; 500])), (json!("a list of 500 entries"), true));
        assert_eq!(keep(&json!({ "a": "x".repeat(2_000) })), (json!("an object of 1 fields"), true));
    }
}
