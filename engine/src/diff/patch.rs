//! JSON Patch (RFC 6902) from one value to another.

use serde_json::Value;

use crate::fix::Operation;
use crate::pointer;

/// What makes `after` of `before`. Lists keep what they have in common at their beginning and their end.
pub(super) fn patch(before: &Value, after: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    compare(before, after, "", &mut operations);
    operations
}

fn compare(before: &Value, after: &Value, at: &str, operations: &mut Vec<Operation>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, before) in old {
                let path = pointer::join(at, key);
                match new.get(key) {
                    Some(after) => compare(before, after, &path, operations),
                    None => operations.push(Operation::Remove { path }),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                operations.push(Operation::Add { path: pointer::join(at, key), value: value.clone() });
            }
        }
        (Value::Array(old), Value::Array(new)) => lists(old, new, at, operations),
        (_, after) => operations.push(Operation::Replace { path: at.to_owned(), value: after.clone() }),
    }
}

fn lists(old: &[Value], new: &[Value], at: &str, operations: &mut Vec<Operation>) {
    let shorter = old.len().min(new.len());
    let first = old.iter().zip(new).take_while(|(before, after)| before == after).count();
    let from_end = old.iter().rev().zip(new.iter().rev()).take_while(|(before, after)| before == after).count();
    let last = from_end.min(shorter - first);
    let (gone, come) = (old.len() - first - last, new.len() - first - last);
    let both = gone.min(come);
    for index in first..first + both {
        compare(&old[index], &new[index], &pointer::join_index(at, index), operations);
    }
    // From behind, so that the places before stay what they are.
    for index in (first + both..first + gone).rev() {
        operations.push(Operation::Remove { path: pointer::join_index(at, index) });
    }
    for (index, value) in new.iter().enumerate().take(first + come).skip(first + both) {
        operations.push(Operation::Add { path: pointer::join_index(at, index), value: value.clone() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fix;

    #[test]
    fn a_patch_makes_the_new_value_of_the_old_one() {
        let values = [
            json!({}),
            json!({ "a": [1, 2, 3], "b": { "c": null } }),
            json!({ "a": [1, 3], "b": { "c": { "d~/e": 1 } } }),
            json!({ "a": [0, 1, 2, 3, 4], "b": [] }),
            json!({ "a": [[1], [2, 3]], "x": "y" }),
            json!({ "a": [[1, 2], [3]], "x": ["y"] }),
            json!({ "a": [1, 1, 1] }),
            json!({ "a": [1, 1] }),
        ];
        for before in &values {
            for after in &values {
                let patch = patch(before, after);
                assert_eq!(fix::apply(before.clone(), &patch).as_ref(), Some(after), "{before} {patch:?}");
                assert_eq!(patch.is_empty(), before == after);
            }
        }
    }
}
