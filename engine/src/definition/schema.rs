//! The language as a JSON Schema, for editors: completion, hover and red lines while typing.

use serde_json::Value;

const LANGUAGE: &str = include_str!("language.schema.json");

/// JSON Schema (2020-12) of the definition language.
///
/// It says what keys there are and what they hold; what only `check` can find (references, cycles,
/// templates) it lets pass.
pub fn json_schema() -> Value {
    serde_json::from_str(LANGUAGE).expect("the schema is part of the source, and a test reads it")
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    #[test]
    fn it_is_a_valid_schema() {
        assert!(jsonschema::draft202012::meta::is_valid(&json_schema()));
        jsonschema::draft202012::new(&json_schema()).unwrap();
    }

    #[test]
    fn it_has_every_step_type_with_its_keys_and_every_action_type() {
        let schema = json_schema();
        let branches = schema["$defs"]["step"]["oneOf"].as_array().unwrap();
        for (kind, keys) in words::STEP_TYPES {
            let branch = branches
                .iter()
                .find(|branch| branch["properties"]["type"]["const"] == *kind)
                .unwrap_or_else(|| panic!("no step type {kind}"));
            for key in *keys {
                assert!(branch["properties"].get(key).is_some(), "{kind} has no {key}");
            }
        }
        let actions = schema["$defs"]["actionType"]["enum"].as_array().unwrap();
        let written: Vec<_> = actions.iter().filter_map(Value::as_str).collect();
        assert_eq!(written, words::ACTION_TYPES);
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        fn silent(schema: &Value, path: &str, found: &mut Vec<String>) {
            match schema {
                Value::Object(fields) => {
                    for (key, member) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
                        let says = ["description", "$ref", "const"].iter().any(|word| member.get(word).is_some());
                        if !says {
                            found.push(format!("{path}/{key}"));
                        }
                    }
                    fields.iter().for_each(|(key, member)| silent(member, &format!("{path}/{key}"), found));
                }
                Value::Array(members) => members.iter().for_each(|member| silent(member, path, found)),
                _plain => {}
            }
        }
        let mut found = Vec::new();
        silent(&json_schema(), "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn it_has_every_operator() {
        let schema = json_schema();
        let listed = schema["$defs"]["condition"]["properties"]["operator"]["anyOf"][0]["enum"].as_array().unwrap();
        let listed: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
        assert_eq!(listed, crate::expr::operators().collect::<Vec<_>>());
    }
}
