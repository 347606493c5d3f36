//! The format of Anthropic's messages.

use serde_json::{Map, Value, json};

use super::answer::{Answer, ToolCall, Usage, finish};
use super::{Prompt, tool_description, tool_input};

/// The header that chooses the version of the format.
pub(super) const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// Bound on the answer of an action that has none: the format needs one.
const MOST_TOKENS: u32 = 4_096;

pub(super) fn body(prompt: &Prompt<'_>) -> Value {
    let call = prompt.call;
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(call.model));
    body.insert("max_tokens".to_owned(), json!(call.max_tokens.unwrap_or(MOST_TOKENS)));
    body.insert("messages".to_owned(), json!([{ "role": "user", "content": prompt.text }]));
    let fits = call.schema.as_ref().map(|schema| {
        format!("Answer with one JSON value alone, without any other text, that fits this JSON Schema:\n{schema}")
    });
    let system: Vec<String> = call.system.iter().cloned().chain(fits).collect();
    if !system.is_empty() {
        body.insert("system".to_owned(), json!(system.join("\n\n")));
    }
    if let Some(temperature) = call.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if !prompt.tools.is_empty() {
        let tools = prompt
            .tools
            .iter()
            .map(|name| json!({ "name": name, "description": tool_description(name), "input_schema": tool_input() }));
        body.insert("tools".to_owned(), tools.collect());
    }
    Value::Object(body)
}

pub(super) fn read(body: &Value) -> Result<Answer, &'static str> {
    let content = body["content"].as_array().ok_or("the provider's answer has no `content`")?;
    let (mut text, mut tool_calls) = (String::new(), Vec::new());
    for part in content {
        match part["type"].as_str() {
            Some("text") => text.push_str(part["text"].as_str().unwrap_or_default()),
            Some("tool_use") => {
                let name = part["name"].as_str().ok_or("the provider's answer has a tool call without a name")?;
                tool_calls.push(ToolCall { name: name.to_owned(), input: part["input"].clone() });
            }
            // Thoughts and the like.
            Some(_) | None => {}
        }
    }
    let usage = |name: &str| body["usage"][name].as_u64();
    Ok(Answer {
        text,
        tool_calls,
        usage: Usage { input: usage("input_tokens"), output: usage("output_tokens") },
        model: body["model"].as_str().map(ToOwned::to_owned),
        finish: body["stop_reason"].as_str().map(finish),
    })
}

#[cfg(test)]
mod tests {
    use engine::machine::ModelCall;

    use super::*;

    #[test]
    fn a_schema_becomes_an_instruction_behind_those_of_the_author() {
        let call = ModelCall { schema: Some(json!({ "type": "object" })), ..super::super::tests::asked() };
        let prompt = Prompt { call: &call, text: "Is it late?".to_owned(), tools: vec!["refund"] };
        let body = body(&prompt);
        let system = body["system"].as_str().unwrap();
        assert!(system.starts_with("Be brief.\n\n") && system.ends_with("{\"type\":\"object\"}"), "{system}");
        assert_eq!((&body["max_tokens"], &body["tools"][0]["name"]), (&json!(4096), &json!("refund")));
        assert_eq!(body["messages"], json!([{ "role": "user", "content": "Is it late?" }]));
    }

    #[test]
    fn an_answer_is_read_whatever_parts_it_has() {
        let body = json!({
            "model": "m-1-2026", "stop_reason": "tool_use", "usage": { "input_tokens": 7, "output_tokens": 2 },
            "content": [
                { "type": "thinking", "thinking": "…" }, { "type": "text", "text": "Wait." },
                { "type": "tool_use", "id": "t1", "name": "refund", "input": { "order": 1 } },
            ],
        });
        let answer = read(&body).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish.as_deref()), ("Wait.", Some("tool_calls")));
        assert_eq!(answer.tool_calls, [ToolCall { name: "refund".to_owned(), input: json!({ "order": 1 }) }]);
        assert_eq!(answer.usage, Usage { input: Some(7), output: Some(2) });
        for body in [json!({}), json!({ "content": "text" }), json!({ "content": [{ "type": "tool_use" }] })] {
            assert!(read(&body).is_err(), "{body}");
        }
    }
}
