//! What a model answered, read as data of a stranger.

use engine::machine::StepError;
use engine::plan::check_value;
use serde_json::{Value, json};

use crate::effects::http::holds_nul;

/// Most characters of an answer that an error shows.
const SHOWN: usize = 2_000;

/// An answer, whatever the provider's format.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) usage: Usage,
    /// The model that answered, as the provider names it.
    pub(super) model: Option<String>,
    /// `stop`, `length`, `tool_calls`, `refused`, or the provider's own word.
    pub(super) finish: Option<String>,
}

/// A tool that the model asks for. Nothing is started.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    pub(super) input: Value,
}

/// Tokens, as far as the provider tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
}

/// The failure of an answer that is not what was asked for. Another attempt may get another one, so a `retry_on` with
/// this code helps.
pub(super) fn invalid(what: impl Into<String>, detail: Option<Value>) -> StepError {
    StepError { detail, ..StepError::other("MODEL_ANSWER_INVALID", what) }
}

/// The word for how an answer ended, the same for all providers.
pub(super) fn finish(word: &str) -> String {
    match word {
        "stop" | "end_turn" | "stop_sequence" => "stop".to_owned(),
        "length" | "max_tokens" | "model_context_window_exceeded" => "length".to_owned(),
        "tool_calls" | "tool_use" | "function_call" => "tool_calls".to_owned(),
        "content_filter" | "refusal" => "refused".to_owned(),
        other => other.chars().take(40).collect(),
    }
}

/// The JSON of an answer: with a schema it has to be there and to fit; without one it is there when the text is an
/// object or a list.
pub(super) fn checked(answer: &Answer, schema: Option<&Value>) -> Result<Value, StepError> {
    let parsed = serde_json::from_str::<Value>(unfenced(&answer.text));
    let Some(schema) = schema else {
        return storable(parsed.ok().filter(|value| value.is_object() || value.is_array()).unwrap_or_default());
    };
    if answer.text.trim().is_empty() && !answer.tool_calls.is_empty() {
        // It asks for a tool first.
        return Ok(Value::Null);
    }
    let shown: String = answer.text.chars().take(SHOWN).collect();
    let value = parsed.map_err(|problem| {
        let why = match answer.finish.as_deref() {
            Some("length") => "it was cut off; raise `max_tokens`".to_owned(),
            Some("refused") => "the model refused".to_owned(),
            _other => format!("line {} column {}", problem.line(), problem.column()),
        };
        invalid(format!("the answer is no JSON: {why}"), Some(json!({ "text": shown })))
    })?;
    let problems = check_value(schema, &value)
        .map_err(|problem| StepError::other("INVALID_ACTION", format!("`schema` cannot be used: {problem}")))?;
    let Some(first) = problems.first() else { return storable(value) };
    let at = if first.pointer.is_empty() { "it" } else { first.pointer.as_str() };
    let message = format!("the answer does not fit the schema: {at}: {}", first.message);
    let told: Vec<Value> =
        problems.iter().map(|problem| json!({ "path": problem.pointer, "message": problem.message })).collect();
    Err(invalid(message, Some(json!({ "problems": told, "text": shown }))))
}

/// The value, unless it holds a character that no database takes: within the text it was escaped.
fn storable(value: Value) -> Result<Value, StepError> {
    if holds_nul(&value) {
        return Err(invalid("the answer holds the character U+0000, which cannot be stored", None));
    }
    Ok(value)
}

/// The text without the fence of a code block, in which models like to answer.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // Behind the fence stands the name of the language.
    inside.and_then(|inside| inside.split_once('\n')).map_or(text, |(_language, inside)| inside.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { text: text.to_owned(), tool_calls: Vec::new(), usage: Usage::default(), model: None, finish: None }
    }

    fn schema() -> Value {
        json!({ "type": "object", "required": ["late"], "properties": { "late": { "type": "boolean" } } })
    }

    #[test]
    fn an_answer_that_fits_is_read_fenced_or_not() {
        for text in ["{\"late\":true}", " ```json\n{\"late\": true}\n``` "] {
            assert_eq!(checked(&answer(text), Some(&schema())).unwrap(), json!({ "late": true }), "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_no_json_or_does_not_fit_is_refused_with_what_it_said() {
        let error = checked(&answer("I think so"), Some(&schema())).unwrap_err();
        assert_eq!(
            (error.code.as_str(), &error.detail.unwrap()["text"]),
            ("MODEL_ANSWER_INVALID", &json!("I think so"))
        );
        let error = checked(&answer("{\"late\":\"yes\"}"), Some(&schema())).unwrap_err();
        assert_eq!(error.code, "MODEL_ANSWER_INVALID");
        assert!(error.message.contains("/late"), "{error:?}");
        let cut = Answer { finish: Some("length".to_owned()), ..answer("{\"late\":") };
        assert!(checked(&cut, Some(&schema())).unwrap_err().message.contains("max_tokens"));
    }

    #[test]
    fn an_answer_that_cannot_be_stored_is_refused() {
        let said = answer("{\"late\":true,\"why\":[\"\\u0000\"]}");
        for schema in [None, Some(schema())] {
            assert_eq!(checked(&said, schema.as_ref()).unwrap_err().code, "MODEL_ANSWER_INVALID");
        }
    }

    #[test]
    fn without_a_schema_a_text_stays_a_text() {
        assert_eq!(checked(&answer("12"), None).unwrap(), Value::Null);
        assert_eq!(checked(&answer("[1]"), None).unwrap(), json!([1]));
        assert_eq!(checked(&answer("{{secrets.KEY}}"), None).unwrap(), Value::Null);
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_the_authors_mistake() {
        let error = checked(&answer("{}"), Some(&json!({ "type": "nothing" }))).unwrap_err();
        assert_eq!(error.code, "INVALID_ACTION");
    }

    #[test]
    fn the_words_of_the_providers_become_one() {
        for (word, one) in [("end_turn", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"), ("odd", "odd")]
        {
            assert_eq!(finish(word), one);
        }
    }
}
