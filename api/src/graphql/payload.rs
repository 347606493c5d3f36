//! JSON values of any size, as far as they may be shown.

use async_graphql::{Object, Result};
use serde_json::Value;

use super::errors::invalid;
use super::scalars::{Json, Long};

/// A JSON value of any size, as far as it may be shown.
#[derive(Debug, Clone)]
pub struct Payload {
    value: Value,
    byte_size: usize,
}

impl Payload {
    /// The whole of `value`, or the part at `path`, a JSON Pointer.
    pub(super) fn at(value: Value, path: Option<&str>) -> Result<Self> {
        let value = match path {
            None => value,
            Some(path) => part(&value, path)?,
        };
        let byte_size = value.to_string().len();
        Ok(Self { value, byte_size })
    }
}

fn part(value: &Value, path: &str) -> Result<Value> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(invalid(format!("`{path}` is not a JSON Pointer: it must be empty or begin with `/`")));
    }
    Ok(value.pointer(path).cloned().unwrap_or(Value::Null))
}

/// Characters of the preview.
const PREVIEW: usize = 2_000;

/// A JSON value of any size, as far as it may be shown.
#[Object]
impl Payload {
    /// The value; null when it is truncated or redacted as a whole.
    async fn value(
        &self,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Json> {
        Ok(async_graphql::Json(match path {
            None => self.value.clone(),
            Some(path) => part(&self.value, &path)?,
        }))
    }

    /// The first 2,000 characters as text.
    async fn preview(&self) -> String {
        self.value.to_string().chars().take(PREVIEW).collect()
    }

    /// Size of the value, in bytes of JSON.
    async fn byte_size(&self) -> Long {
        Long(i64::try_from(self.byte_size).unwrap_or(i64::MAX))
    }

    /// True when the value was cut before it was stored.
    async fn is_truncated(&self) -> bool {
        self.value.get("$truncated").is_some_and(|flag| flag == true)
    }

    /// True when secrets or personal data were replaced by a token.
    async fn is_redacted(&self) -> bool {
        has_redacted(&self.value)
    }
}

/// What a rendered secret is stored as.
const REDACTED: &str = "***";

fn has_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => text == REDACTED,
        Value::Array(members) => members.iter().any(has_redacted),
        Value::Object(fields) => fields.values().any(has_redacted),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
