//! Effect `model`: a question to a language model, whose answer is data and nothing else.
//!
//! The answer is never a template, chooses no host, secret or workflow outside what the action lists, and starts
//! nothing by itself. It is checked against the schema of the action before the execution sees it.

mod answer;
mod anthropic;
mod cost;
mod openai;

use engine::machine::{Body, EffectOutcome, ModelCall, StepError};
use serde_json::{Value, json};
use service::parts::{Service, ServiceKind};

use self::answer::{Answer, invalid};
use super::call::Call;
use super::service_call;
use super::templates::{self, now};

/// Most bytes of an answer.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// Most characters of a tool's name that both formats take.
const MOST_CHARACTERS: usize = 64;

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Openai,
    Anthropic,
}

/// A question as it is put to a provider.
#[derive(Debug, Clone, PartialEq)]
struct Prompt<'a> {
    call: &'a ModelCall,
    /// The question itself, from the action or a template.
    text: String,
    /// Names of workflows.
    tools: Vec<&'a str>,
}

pub(super) async fn run(call: &Call<'_>, asked: &ModelCall) -> EffectOutcome {
    match answered(call, asked).await {
        Ok(outcome) => outcome,
        Err(error) => EffectOutcome::Failed(error),
    }
}

async fn answered(call: &Call<'_>, asked: &ModelCall) -> Result<EffectOutcome, StepError> {
    let service = provider(call, asked.provider.as_deref()).await?;
    let format = format(&service)?;
    let prompt = prompt(&service, asked)?;
    let (path, body) = match format {
        Format::Openai => ("/chat/completions", openai::body(&prompt, service_call::base_url(&service)?)),
        Format::Anthropic => ("/messages", anthropic::body(&prompt)),
    };
    let mut request = service_call::request(&service, "POST", path, Some(Body::Json(body)))?;
    request.max_response_bytes = Some(MOST_BYTES);
    if format == Format::Anthropic && !request.headers.iter().any(|(name, _)| name == anthropic::VERSION.0) {
        let (name, version) = anthropic::VERSION;
        request.headers.push((name.to_owned(), version.to_owned()));
    }
    // Another attempt asks anew: with the same key a provider would repeat the answer that was not good enough.
    let key = format!("{}/{}", call.key(), call.effect.id.attempt);
    let mut output = match call.send(request, &key, Some(&service)).await {
        EffectOutcome::Succeeded { output } => output,
        other @ (EffectOutcome::Failed(_) | EffectOutcome::PutOff { .. }) => return Ok(other),
    };
    let body = output["body"].take();
    let answer = match format {
        Format::Openai => openai::read(&body),
        Format::Anthropic => anthropic::read(&body),
    };
    let answer = answer.map_err(|what| invalid(what, None))?;
    finished(&service, &prompt, answer).map(|output| EffectOutcome::Succeeded { output })
}

/// The output of the action, once the answer is what was asked for.
fn finished(service: &Service, prompt: &Prompt<'_>, answer: Answer) -> Result<Value, StepError> {
    if let Some(unknown) = answer.tool_calls.iter().find(|wanted| !prompt.tools.contains(&wanted.name.as_str())) {
        let name: String = unknown.name.chars().take(100).collect();
        let message = format!("the model asked for the tool `{name}`, which is none of the action's `tools`");
        return Err(StepError::other("UNKNOWN_TOOL", message));
    }
    let json = answer::checked(&answer, prompt.call.schema.as_ref())?;
    let cost = cost::of(&service.settings, &prompt.call.model, answer.model.as_deref(), answer.usage);
    let tokens = [("input", answer.usage.input), ("output", answer.usage.output)];
    for (direction, tokens) in tokens {
        metrics::counter!("sluice_model_tokens_total", "direction" => direction).increment(tokens.unwrap_or(0));
    }
    let tool_calls: Vec<Value> =
        answer.tool_calls.iter().map(|wanted| json!({ "name": wanted.name, "input": wanted.input })).collect();
    Ok(json!({
        "text": answer.text,
        "json": json,
        "tool_calls": tool_calls,
        "usage": { "input_tokens": answer.usage.input, "output_tokens": answer.usage.output },
        "cost": cost,
        "model": answer.model.as_deref().unwrap_or(&prompt.call.model),
        "finish": answer.finish,
    }))
}

/// The service that is named, or the only one that has models.
async fn provider(call: &Call<'_>, name: Option<&str>) -> Result<Service, StepError> {
    if let Some(name) = name {
        let service = call.service(name).await?;
        return if service.kind == ServiceKind::Ai {
            Ok(service)
        } else {
            Err(service_call::invalid(&service, "is of another kind than AI"))
        };
    }
    let mut models = call.services().await?.into_iter().filter(|service| service.kind == ServiceKind::Ai);
    match (models.next(), models.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(service_call::unknown("there is no service of kind AI")),
        (Some(_), Some(_)) => {
            Err(StepError::other("UNKNOWN_SERVICE", "several services are of kind AI; name one in `provider`"))
        }
    }
}

fn format(service: &Service) -> Result<Format, StepError> {
    match service.settings.get("format").and_then(Value::as_str) {
        Some("openai") => Ok(Format::Openai),
        Some("anthropic") => Ok(Format::Anthropic),
        Some(_other) => Err(service_call::invalid(service, "has a `format` that is neither openai nor anthropic")),
        None if service_call::base_url(service)?.contains("anthropic.com") => Ok(Format::Anthropic),
        // What most others speak too.
        None => Ok(Format::Openai),
    }
}

fn prompt<'a>(service: &Service, asked: &'a ModelCall) -> Result<Prompt<'a>, StepError> {
    let text = match (&asked.template, &asked.prompt) {
        (Some(name), prompt) => templates::rendered(service, name, &json!({ "prompt": prompt }), now())?.message,
        (None, Some(prompt)) => prompt.clone(),
        (None, None) => return Err(StepError::other("INVALID_ACTION", "neither `prompt` nor `template` is there")),
    };
    if text.trim().is_empty() {
        return Err(StepError::other("INVALID_ACTION", "the prompt is empty"));
    }
    Ok(Prompt { call: asked, text, tools: tools(&asked.tools)? })
}

fn tools(tools: &Value) -> Result<Vec<&str>, StepError> {
    let names = match tools {
        Value::Null => return Ok(Vec::new()),
        Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        _other => None,
    };
    let names = names.ok_or_else(|| StepError::other("INVALID_ACTION", "`tools` is no list of names of workflows"))?;
    if let Some(long) = names.iter().find(|name| name.is_empty() || name.len() > MOST_CHARACTERS) {
        let message = format!("the tool `{long}` has no name of 1 to {MOST_CHARACTERS} characters, which models take");
        return Err(StepError::other("INVALID_ACTION", message));
    }
    Ok(names)
}

/// What a model is told about a tool: a workflow takes any object, and its own input schema checks it.
fn tool_input() -> Value {
    json!({ "type": "object", "additionalProperties": true })
}

fn tool_description(name: &str) -> String {
    format!("Asks to start the workflow {name} with this input.")
}

#[cfg(test)]
mod tests {
    use super::answer::{ToolCall, Usage};
    use super::*;

    pub(super) fn asked() -> ModelCall {
        ModelCall {
            provider: None,
            model: "m-1".to_owned(),
            system: Some("Be brief.".to_owned()),
            prompt: Some("Is it late?".to_owned()),
            template: None,
            schema: None,
            max_tokens: None,
            temperature: None,
            tools: Value::Null,
        }
    }

    fn service(settings: &Value, url: &str) -> Service {
        Service {
            id: ids::ServiceId::new(),
            name: "ai".to_owned(),
            kind: ServiceKind::Ai,
            base_url: Some(url.to_owned()),
            authentication: service::parts::Authentication {
                kind: service::parts::AuthenticationKind::None,
                secret: None,
                header_name: None,
            },
            settings: settings.as_object().cloned().unwrap_or_default(),
        }
    }

    fn answer(text: &str, tool_calls: Vec<ToolCall>) -> Answer {
        Answer {
            text: text.to_owned(),
            tool_calls,
            usage: Usage { input: Some(10), output: Some(4) },
            model: Some("m-1-2026".to_owned()),
            finish: Some("stop".to_owned()),
        }
    }

    #[test]
    fn the_output_has_text_usage_cost_and_how_it_ended() {
        let service = service(&json!({ "prices": { "m-1": { "input": 2.5, "output": 10 } } }), "http://h");
        let asked = asked();
        let prompt = prompt(&service, &asked).unwrap();
        let output = finished(&service, &prompt, answer("yes", Vec::new())).unwrap();
        assert_eq!(
            output,
            json!({
                "text": "yes", "json": null, "tool_calls": [], "usage": { "input_tokens": 10, "output_tokens": 4 },
                "cost": 0.000_065, "model": "m-1-2026", "finish": "stop",
            })
        );
    }

    #[test]
    fn a_tool_that_the_action_does_not_list_is_refused_and_a_listed_one_is_only_told() {
        let service = service(&json!({}), "http://h");
        let asked = ModelCall { tools: json!(["refund"]), ..asked() };
        let prompt = prompt(&service, &asked).unwrap();
        let wants = |name: &str| vec![ToolCall { name: name.to_owned(), input: json!({ "order": "o-1" }) }];
        let error = finished(&service, &prompt, answer("", wants("drop_everything"))).unwrap_err();
        assert_eq!(error.code, "UNKNOWN_TOOL");
        let output = finished(&service, &prompt, answer("", wants("refund"))).unwrap();
        assert_eq!(output["tool_calls"], json!([{ "name": "refund", "input": { "order": "o-1" } }]));
    }

    #[test]
    fn the_format_is_the_one_of_the_settings_or_of_the_host() {
        let of = |settings: Value, url: &str| format(&service(&settings, url));
        assert_eq!(of(json!({}), "https://api.anthropic.com/v1").unwrap(), Format::Anthropic);
        assert_eq!(of(json!({}), "http://llm.internal/v1").unwrap(), Format::Openai);
        assert_eq!(of(json!({ "format": "anthropic" }), "http://h").unwrap(), Format::Anthropic);
        assert_eq!(of(json!({ "format": "gemini" }), "http://h").unwrap_err().code, "INVALID_SERVICE");
    }

    #[test]
    fn a_template_takes_the_place_of_the_prompt_and_may_hold_it() {
        let service = service(&json!({ "templates": { "polite": "Please: {{prompt}}" } }), "http://h");
        let mut asked = ModelCall { template: Some("polite".to_owned()), ..asked() };
        assert_eq!(prompt(&service, &asked).unwrap().text, "Please: Is it late?");
        asked.template = Some("rude".to_owned());
        assert_eq!(prompt(&service, &asked).unwrap_err().code, "UNKNOWN_TEMPLATE");
        asked.template = None;
        asked.prompt = Some("  ".to_owned());
        assert_eq!(prompt(&service, &asked).unwrap_err().code, "INVALID_ACTION");
    }

    #[test]
    fn tools_are_names() {
        assert_eq!(tools(&json!(["a", "b"])).unwrap(), ["a", "b"]);
        for wrong in [json!("a"), json!([{ "name": "a" }]), json!([""]), json!(["x".repeat(65)])] {
            assert_eq!(tools(&wrong).unwrap_err().code, "INVALID_ACTION", "{wrong}");
        }
    }
}
