//! What the command line and the API say to each other, translated.

use serde_json::{Value, json};

use super::server::json_argument;
use crate::failure::Failure;

/// A value as people read it: texts without quotation marks, nothing for null.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A workflow by its slug or id, as the API takes it.
pub fn workflow_ref(workflow: &str) -> Value {
    if workflow.starts_with("wf_") { json!({ "id": workflow }) } else { json!({ "slug": workflow }) }
}

/// JSON of the command line, or of a file named after `@`; null when the option is not given.
pub fn optional_json(name: &str, argument: Option<&str>) -> Result<Value, Failure> {
    argument.map_or(Ok(Value::Null), |argument| json_argument(name, Some(argument)))
}
