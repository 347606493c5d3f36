//! The action `llm`: a question to a model (definition-language §8).

use serde_json::Value;

use super::model::ActionKind;
use super::reader::{At, Object};
use super::{names, schema_check};
use crate::check::rules;
use crate::expr::Template;

/// Its keys are rendered as one object; here it is looked whether what is written out can be right.
pub(super) fn decode(object: &mut Object<'_>) -> Option<ActionKind> {
    let mut is_right = true;
    for key in ["provider", "system", "template"] {
        is_right &= object.take(key).is_none_or(|at| at.name_text().is_some());
    }
    is_right &= object.need("model").is_some_and(|at| at.name_text().is_some());
    is_right &= object.take("prompt").is_none_or(|at| at.string().is_some());
    if !object.has("prompt") && !object.has("template") {
        object.need("prompt");
    }
    is_right &= object.take("schema").is_none_or(|at| schema(&at));
    is_right &= object
        .take("max_tokens")
        .is_none_or(|at| is_template(at.value) || at.integer::<u32>(1, u64::from(u32::MAX)).is_some());
    is_right &= object.take("temperature").is_none_or(|at| temperature(&at));
    is_right &= object.take("tools").is_none_or(|at| tools(&at));
    let template = object.at.template()?;
    is_right.then_some(ActionKind::Llm(template))
}

fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

/// A schema that is written out is compiled now, one that is rendered when the action runs.
fn schema(at: &At<'_>) -> bool {
    let is_written_out = Template::compile(at.value).is_ok_and(|template| template.is_literal());
    if is_written_out {
        schema_check::check(at);
    }
    true
}

fn temperature(at: &At<'_>) -> bool {
    if is_template(at.value) || at.value.as_f64().is_some_and(|number| (0.0..=2.0).contains(&number)) {
        return true;
    }
    let message = format!("`temperature` must be a number from 0 to 2, not {}", at.value);
    at.report(rules::OUT_OF_RANGE, message, None);
    false
}

/// Names of workflows.
fn tools(at: &At<'_>) -> bool {
    if is_template(at.value) {
        return true;
    }
    let Some(entries) = at.list() else { return false };
    // All are looked at: each has its own problem.
    let wrong = entries.iter().filter(|at| !is_template(at.value) && names::workflow_id(at).is_none()).count();
    wrong == 0
}
