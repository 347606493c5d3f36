//! Whether an input schema still accepts what the one before accepted.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::object;

/// Keywords that say nothing about what is accepted.
const WORDS: [&str; 8] =
    ["title", "description", "default", "examples", "deprecated", "$comment", "readOnly", "writeOnly"];

/// Why an input that was accepted may be refused now; none when nothing speaks for it. It errs on the side of telling.
pub(super) fn narrows(before: Option<&Value>, after: Option<&Value>) -> Option<String> {
    match (before, after) {
        (_, None) => None,
        (None, Some(after)) => refuses(after).then(|| "there was no input schema, so anything was accepted".to_owned()),
        (Some(before), Some(after)) => compare(before, after, "the input"),
    }
}

fn refuses(schema: &Value) -> bool {
    match schema {
        Value::Bool(accepts) => !accepts,
        Value::Object(keywords) => keywords.keys().any(|key| !WORDS.contains(&key.as_str()) && key != "$schema"),
        _no_schema => true,
    }
}

fn compare(before: &Value, after: &Value, what: &str) -> Option<String> {
    if before == after || !refuses(after) {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return Some(format!("{what} has another schema"));
    };
    let keywords = new.iter().filter(|(key, value)| !WORDS.contains(&key.as_str()) && old.get(*key) != Some(*value));
    keywords.into_iter().find_map(|(key, value)| keyword(key, old, value, what))
}

fn keyword(key: &str, old: &Map<String, Value>, value: &Value, what: &str) -> Option<String> {
    let before = old.get(key);
    let entries = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    // As text, so that long lists are not held against each other value by value.
    let texts = |value: Option<&Value>| entries(value).iter().map(Value::to_string).collect::<BTreeSet<_>>();
    match key {
        "required" => {
            let known = texts(before);
            let new = entries(Some(value)).into_iter().find(|name| !known.contains(&name.to_string()))?;
            Some(format!("{what} needs {new}"))
        }
        "type" => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            let (known, now) = (before.map(list), list(value));
            // Every integer is a number.
            let covers =
                |kind: &Value| now.contains(kind) || (kind == "integer" && now.iter().any(|kind| kind == "number"));
            let gone = known.is_none_or(|known| !known.iter().all(covers));
            gone.then(|| format!("{what} has to be {value}"))
        }
        "enum" => {
            let (known, now) = (before.and_then(Value::as_array), texts(Some(value)));
            let is_narrower = known.is_none_or(|known| known.iter().any(|one| !now.contains(&one.to_string())));
            is_narrower.then(|| format!("{what} may have fewer values"))
        }
        "properties" => {
            let known = before.map(object);
            object(value).iter().find_map(|(name, schema)| {
                let what = format!("`{name}` of {what}");
                match known.and_then(|known| known.get(name)) {
                    Some(before) => compare(before, schema, &what),
                    // Whatever stood there was accepted, unless nothing else was.
                    None if old.get("additionalProperties") == Some(&Value::Bool(false)) => None,
                    None => refuses(schema).then(|| format!("{what} has a schema now")),
                }
            })
        }
        "items" => match before {
            Some(before) => compare(before, value, &format!("each entry of {what}")),
            None => Some(format!("each entry of {what} has a schema now")),
        },
        "additionalProperties" => {
            (value != &Value::Bool(true)).then(|| format!("{what} may not have other properties as before"))
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            let is_looser = before.and_then(Value::as_f64).zip(value.as_f64()).is_some_and(|(old, new)| new <= old);
            (!is_looser).then(|| format!("{what} has a higher `{key}`"))
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            let is_looser = before.and_then(Value::as_f64).zip(value.as_f64()).is_some_and(|(old, new)| new >= old);
            (!is_looser).then(|| format!("{what} has a lower `{key}`"))
        }
        _other => Some(format!("{what} has another `{key}`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Change = fn(&mut Value);

    #[test]
    fn a_schema_that_accepts_more_breaks_nobody_and_one_that_accepts_less_says_why() {
        let before = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "integer", "minimum": 3 }, "b": { "enum": [1, 2] } } });
        let changed = |change: Change| {
            let mut after = before.clone();
            change(&mut after);
            narrows(Some(&before), Some(&after))
        };
        let looser: [Change; 7] = [
            |_same| {},
            |schema| schema["title"] = json!("x"),
            |schema| schema["required"] = json!([]),
            |schema| schema["properties"]["a"]["type"] = json!("number"),
            |schema| schema["properties"]["a"]["minimum"] = json!(2),
            |schema| schema["properties"]["b"]["enum"] = json!([1, 2, 3]),
            |schema| *schema = json!(true),
        ];
        for change in looser {
            assert_eq!(changed(change), None);
        }
        let narrower: [(Change, &str); 6] = [
            (|schema| schema["required"] = json!(["a", "b"]), "the input needs \"b\""),
            (|schema| schema["properties"]["a"]["type"] = json!("string"), "`a` of the input has to be \"string\""),
            (|schema| schema["properties"]["a"]["minimum"] = json!(4), "`a` of the input has a higher `minimum`"),
            (|schema| schema["properties"]["b"]["enum"] = json!([1]), "`b` of the input may have fewer values"),
            (|schema| schema["properties"]["c"] = json!({ "type": "null" }), "`c` of the input has a schema now"),
            (|schema| schema["not"] = json!({}), "the input has another `not`"),
        ];
        for (change, why) in narrower {
            assert_eq!(changed(change).as_deref(), Some(why));
        }
        assert_eq!(narrows(Some(&before), None), None);
        assert!(narrows(None, Some(&before)).is_some());
    }
}
