//! Questions to models.

use std::time::Duration;

use engine::machine::{EffectOutcome, ModelCall, StepError};
use engine::plan::check_value;
use serde_json::{Value, json};

use super::{Asked, Came, lost, no_stub, unexpected};
use crate::seen::SeenModelCall;
use crate::stubs::{ModelStub, StubbedCompletion, is_for_step};

impl ModelStub {
    fn fits(&self, step: &str, question: &ModelCall) -> bool {
        is_for_step(self.step.as_ref(), step)
            && self.provider.as_ref().is_none_or(|provider| question.provider.as_ref() == Some(provider))
            && self.model.as_ref().is_none_or(|model| *model == question.model)
    }
}

/// The answer to a question, and how long it takes.
pub(super) fn answer(
    stubs: &[ModelStub],
    asked: &mut Asked,
    step: &str,
    question: &ModelCall,
    timeout: Duration,
) -> Came {
    let what = format!("the model {}", question.model);
    let stub = asked.next(stubs, |stub| stub.fits(step, question), |stub| stub.responses.as_slice());
    let Some(completion) = stub else { return no_stub(&what) };
    let answer = completion.over_http();
    if let Some(lost) = lost(&answer, &what, timeout) {
        return lost;
    }
    let delay = Duration::from_millis(answer.delay_ms);
    if !(200..300).contains(&answer.status) {
        return (EffectOutcome::Failed(unexpected(&answer, &what)), delay);
    }
    let outcome = match said(completion, question) {
        Ok(output) => EffectOutcome::Succeeded { output },
        Err(error) => EffectOutcome::Failed(error),
    };
    (outcome, delay)
}

/// What a model said, held against what it may say.
fn said(completion: &StubbedCompletion, question: &ModelCall) -> Result<Value, StepError> {
    let text = match &completion.text {
        Some(text) => text.clone(),
        None if completion.json.is_null() => String::new(),
        None => completion.json.to_string(),
    };
    let known: Vec<&str> = question.tools.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut wanted = completion.tool_calls.iter().filter_map(|call| call["name"].as_str());
    if let Some(name) = wanted.find(|name| !known.contains(name)) {
        let message = format!("the model asked for the tool `{name}`, which is none of the action's `tools`");
        return Err(StepError::other("UNKNOWN_TOOL", message));
    }
    let usage = &completion.usage;
    Ok(json!({
        "text": text,
        "json": parsed(completion, question.schema.as_ref(), &text)?,
        "tool_calls": completion.tool_calls,
        "usage": { "input_tokens": usage["input_tokens"], "output_tokens": usage["output_tokens"] },
        "cost": completion.cost,
        "model": question.model,
        "finish": completion.finish.as_deref().unwrap_or("stop"),
    }))
}

/// The JSON of an answer: with a schema it has to be there and to fit, unless the model asks for a tool first.
fn parsed(completion: &StubbedCompletion, schema: Option<&Value>, text: &str) -> Result<Value, StepError> {
    let given = match &completion.json {
        Value::Null => serde_json::from_str(text),
        json => Ok(json.clone()),
    };
    let Some(schema) = schema else {
        return Ok(given.ok().filter(|json: &Value| json.is_object() || json.is_array()).unwrap_or_default());
    };
    if text.is_empty() && !completion.tool_calls.is_empty() {
        return Ok(Value::Null);
    }
    let invalid = |why: String| StepError {
        detail: Some(json!({ "text": text })),
        ..StepError::other("MODEL_ANSWER_INVALID", why)
    };
    let json = given.map_err(|problem| invalid(format!("the answer is no JSON: {problem}")))?;
    let problems = check_value(schema, &json)
        .map_err(|problem| StepError::other("INVALID_ACTION", format!("`schema` cannot be used: {problem}")))?;
    match problems.first() {
        Some(problem) => {
            let at = if problem.pointer.is_empty() { "it" } else { problem.pointer.as_str() };
            Err(invalid(format!("the answer does not fit the schema: {at}: {}", problem.message)))
        }
        None => Ok(json),
    }
}

/// A question as it can be expected.
pub(super) fn seen(step: &str, question: &ModelCall) -> SeenModelCall {
    SeenModelCall {
        step: step.to_owned(),
        provider: question.provider.clone(),
        model: question.model.clone(),
        system: question.system.clone(),
        prompt: question.prompt.clone(),
        template: question.template.clone(),
        tools: question.tools.clone(),
    }
}
