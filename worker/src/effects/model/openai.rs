//! The format of OpenAI's chat completions, which many providers and local servers speak.

use serde_json::{Map, Value, json};

use super::answer::{Answer, ToolCall, Usage, finish};
use super::{Prompt, tool_description, tool_input};
use crate::effects::http::holds_nul;

pub(super) fn body(prompt: &Prompt<'_>, base_url: &str) -> Value {
    let call = prompt.call;
    let mut messages = Vec::new();
    if let Some(system) = &call.system {
        messages.push(json!({ "role": "system", "content": system }));
    }
    messages.push(json!({ "role": "user", "content": prompt.text }));
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(call.model));
    body.insert("messages".to_owned(), Value::Array(messages));
    if let Some(most) = call.max_tokens {
        // OpenAI itself wants the newer name; others know the older one alone.
        let name = if base_url.contains("api.openai.com") { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.to_owned(), json!(most));
    }
    if let Some(temperature) = call.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(schema) = &call.schema {
        // Not strict: that takes a part of JSON Schema only, and the answer is checked here in any case.
        let wanted = json!({ "name": "answer", "schema": schema, "strict": false });
        body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": wanted }));
    }
    if !prompt.tools.is_empty() {
        let tools = prompt.tools.iter().map(|name| {
            let function = json!({ "name": name, "description": tool_description(name), "parameters": tool_input() });
            json!({ "type": "function", "function": function })
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    Value::Object(body)
}

pub(super) fn read(body: &Value) -> Result<Answer, &'static str> {
    let choice = body["choices"].get(0).ok_or("the provider's answer has no `choices`")?;
    let message = choice["message"].as_object().ok_or("the provider's answer has no `message`")?;
    let refusal = message.get("refusal").and_then(Value::as_str).filter(|refusal| !refusal.is_empty());
    let tool_calls = match message.get("tool_calls") {
        Some(Value::Array(calls)) => calls.iter().map(tool_call).collect::<Result<_, _>>()?,
        Some(_) | None => Vec::new(),
    };
    let usage = |name: &str| body["usage"][name].as_u64();
    Ok(Answer {
        text: refusal.map_or_else(|| text(message.get("content")), ToOwned::to_owned),
        tool_calls,
        usage: Usage { input: usage("prompt_tokens"), output: usage("completion_tokens") },
        model: body["model"].as_str().map(ToOwned::to_owned),
        finish: match refusal {
            Some(_) => Some("refused".to_owned()),
            None => choice["finish_reason"].as_str().map(finish),
        },
    })
}

/// A text, or the texts of a list of parts.
fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Some(_) | None => String::new(),
    }
}

fn tool_call(call: &Value) -> Result<ToolCall, &'static str> {
    let function = &call["function"];
    let name = function["name"].as_str().ok_or("the provider's answer has a tool call without a name")?;
    let input = match &function["arguments"] {
        Value::String(text) if text.trim().is_empty() => json!({}),
        Value::String(text) => {
            serde_json::from_str(text).map_err(|_problem| "the input of a tool call in the answer is no JSON")?
        }
        Value::Null => json!({}),
        other => other.clone(),
    };
    if holds_nul(&input) {
        return Err("the input of a tool call in the answer holds the character U+0000, which cannot be stored");
    }
    Ok(ToolCall { name: name.to_owned(), input })
}

#[cfg(test)]
mod tests {
    use engine::machine::ModelCall;

    use super::*;

    #[test]
    fn a_question_has_its_schema_bounds_and_tools() {
        let call = ModelCall {
            schema: Some(json!({ "type": "object" })),
            max_tokens: Some(50),
            temperature: Some(0.5),
            ..super::super::tests::asked()
        };
        let prompt = Prompt { call: &call, text: "Is it late?".to_owned(), tools: vec!["refund"] };
        let body = body(&prompt, "https://api.openai.com/v1");
        assert_eq!(
            body["messages"],
            json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Is it late?" }])
        );
        assert_eq!((&body["max_completion_tokens"], &body["temperature"]), (&json!(50), &json!(0.5)));
        assert_eq!(body["response_format"]["json_schema"]["schema"], json!({ "type": "object" }));
        assert_eq!(body["tools"][0]["function"]["name"], "refund");
        assert_eq!(super::body(&prompt, "http://llm.internal/v1")["max_tokens"], 50);
    }

    #[test]
    fn an_answer_is_read() {
        let body = json!({
            "model": "m-1-2026",
            "choices": [{ "finish_reason": "tool_calls", "message": { "content": null, "tool_calls": [
                { "type": "function", "function": { "name": "refund", "arguments": "{\"order\":1}" } },
            ] } }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 2 },
        });
        let answer = read(&body).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish.as_deref()), ("", Some("tool_calls")));
        assert_eq!(answer.tool_calls, [ToolCall { name: "refund".to_owned(), input: json!({ "order": 1 }) }]);
        assert_eq!(answer.usage, Usage { input: Some(7), output: Some(2) });
        let refused = json!({ "choices": [{ "finish_reason": "stop", "message": { "refusal": "I can't" } }] });
        let answer = read(&refused).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish.as_deref()), ("I can't", Some("refused")));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let broken = json!({ "function": { "name": "a", "arguments": "{" } });
        let not_storable = json!({ "function": { "name": "a", "arguments": "[\"\\u0000\"]" } });
        for body in [
            json!({}),
            json!("text"),
            json!({ "choices": [] }),
            json!({ "choices": [{}] }),
            json!({ "choices": [{ "message": { "tool_calls": [{}] } }] }),
            json!({ "choices": [{ "message": { "tool_calls": [broken] } }] }),
            json!({ "choices": [{ "message": { "tool_calls": [not_storable] } }] }),
        ] {
            assert!(read(&body).is_err(), "{body}");
        }
    }
}
