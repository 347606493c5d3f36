//! Questions to models.

use serde_json::{Map, Value};

use super::invalid;
use crate::definition::{compile_schema, is_slug};
use crate::expr::{Template, to_text};
use crate::machine::effect::{ModelCall, StepError};
use crate::machine::view::View;

/// Workflows that one question may offer.
const MOST_TOOLS: usize = 64;

/// The keys of an `llm` action, which were rendered as one object.
pub(super) fn call(template: &Template, view: &View<'_>) -> Result<ModelCall, StepError> {
    let Value::Object(mut keys) = template.render(view)? else {
        return Err(invalid("an `llm` action must be an object"));
    };
    let model = text(&mut keys, "model")?.ok_or_else(|| invalid("`model` is empty"))?;
    let (prompt, template) = (text(&mut keys, "prompt")?, text(&mut keys, "template")?);
    if prompt.is_none() && template.is_none() {
        return Err(invalid("`prompt` is empty, so there is nothing to ask"));
    }
    Ok(ModelCall {
        provider: text(&mut keys, "provider")?,
        model,
        system: text(&mut keys, "system")?,
        prompt,
        template,
        schema: schema(taken(&mut keys, "schema"))?,
        max_tokens: max_tokens(&taken(&mut keys, "max_tokens"))?,
        temperature: temperature(&taken(&mut keys, "temperature"))?,
        tools: tools(taken(&mut keys, "tools"))?,
    })
}

fn taken(keys: &mut Map<String, Value>, key: &str) -> Value {
    keys.remove(key).unwrap_or(Value::Null)
}

/// A text, unless it is blank; lists and objects become text in `prompt` and `system` alone.
fn text(keys: &mut Map<String, Value>, key: &str) -> Result<Option<String>, StepError> {
    let value = taken(keys, key);
    if matches!(value, Value::Array(_) | Value::Object(_)) && !matches!(key, "prompt" | "system") {
        return Err(invalid(&format!("`{key}` must be a text")));
    }
    Ok(Some(to_text(&value)).filter(|text| !text.trim().is_empty()))
}

fn schema(schema: Value) -> Result<Option<Value>, StepError> {
    match schema {
        Value::Null => Ok(None),
        schema @ (Value::Object(_) | Value::Bool(_)) => match compile_schema(&schema) {
            Ok(_compiled) => Ok(Some(schema)),
            Err(problem) => Err(invalid(&format!("`schema` is no JSON Schema that can be used: {problem}"))),
        },
        _other => Err(invalid("`schema` must be a JSON Schema: an object")),
    }
}

fn max_tokens(value: &Value) -> Result<Option<u32>, StepError> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| invalid("`max_tokens` must be a whole number from 1"))
}

fn temperature(value: &Value) -> Result<Option<f64>, StepError> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_f64().filter(|number| (0.0..=2.0).contains(number));
    number.map(Some).ok_or_else(|| invalid("`temperature` must be a number from 0 to 2"))
}

/// Names of workflows; a list, or null without any.
fn tools(value: Value) -> Result<Value, StepError> {
    match &value {
        Value::Null => Ok(Value::Null),
        Value::Array(names) if names.is_empty() => Ok(Value::Null),
        Value::Array(names) if names.len() > MOST_TOOLS => {
            Err(invalid(&format!("`tools` has {} workflows, at most {MOST_TOOLS} can be offered", names.len())))
        }
        Value::Array(names) if names.iter().all(|name| name.as_str().is_some_and(is_slug)) => Ok(value),
        _other => Err(invalid("`tools` must be a list of names of workflows")),
    }
}
