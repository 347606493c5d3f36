//! Whether a JSON Schema inside a definition is one.

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::reader::At;
use super::suggest::did_you_mean;
use crate::check::rules;

const TYPES: &[&str] = &["object", "array", "string", "number", "integer", "boolean", "null"];

/// Largest compiled pattern, in bytes: enough for a hundred letters of any script.
const MOST_PATTERN_BYTES: usize = 5 * 1024 * 1024;

/// Reports what is wrong with the schema. References to other documents are not followed.
pub(crate) fn check(at: &At<'_>) {
    if !matches!(at.value, Value::Object(_) | Value::Bool(_)) {
        let message = "a JSON Schema is an object, or true or false";
        at.report(rules::WRONG_TYPE, message, None);
        return;
    }
    let mut is_valid = true;
    for error in jsonschema::draft202012::meta::validator().iter_errors(at.value) {
        is_valid = false;
        let pointer = format!("{}{}", at.pointer, error.instance_path());
        let (message, hint) = if pointer.ends_with("/type") {
            unknown_type(error.instance())
        } else {
            (format!("this is not valid JSON Schema: {error}"), None)
        };
        at.report_at(&pointer, rules::BAD_SCHEMA, message, hint);
    }
    // Only building it finds references that lead nowhere and patterns that cannot be read.
    if is_valid && let Err(error) = compile_schema(at.value) {
        let message = format!("this JSON Schema cannot be used: {error}");
        at.report(rules::BAD_SCHEMA, message, None);
    }
}

/// The validator's own words for the most common slip are hard to read.
fn unknown_type(written: &Value) -> (String, Option<String>) {
    let hint = written
        .as_str()
        .and_then(|written| did_you_mean(written, TYPES.iter().copied()))
        .unwrap_or_else(|| format!("use one of {}, or a list of them", TYPES.join(", ")));
    (format!("{written} is not a type of JSON Schema"), Some(hint))
}

/// A JSON Schema (2020-12), ready to check values with.
///
/// Its patterns run in linear time, so that no payload can stall a check; look-around and
/// back-references are refused. References to other documents are not followed.
pub fn compile_schema(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    jsonschema::draft202012::options()
        .with_pattern_options(PatternOptions::regex().size_limit(MOST_PATTERN_BYTES))
        .build(schema)
}
