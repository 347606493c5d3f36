//! The further settings of a service: what of them is known has the right shape. What is not known is kept, for a
//! later release may know it.

use engine::expr::Template;
use serde_json::{Map, Value};

use super::checks::check_json;
use super::services::is_header;
use crate::code::Code;
use crate::error::Mistake;

/// Headers that carry credentials, which belong into a secret.
const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"];
/// Settings that are a text.
const TEXTS: [&str; 5] = ["username", "database", "from", "recipient_prefix", "health_path"];
/// Ways in which providers of models are asked.
const FORMATS: [&str; 2] = ["openai", "anthropic"];

/// Finds what is wrong with settings.
pub fn check_settings(settings: &Value, mistakes: &mut Vec<Mistake>) {
    if !check_json("settings", settings, mistakes) {
        return;
    }
    let Value::Object(settings) = settings else {
        mistakes.push(Mistake::new(Code::Invalid, "settings", "settings are an object"));
        return;
    };
    for name in TEXTS {
        if settings.get(name).is_some_and(|value| !value.is_string()) {
            wrong(name, &format!("`{name}` is a text"), mistakes);
        }
    }
    if settings.get("format").is_some_and(|format| !format.as_str().is_some_and(|text| FORMATS.contains(&text))) {
        wrong("format", &format!("`format` is one of {}", FORMATS.join(", ")), mistakes);
    }
    headers(settings, mistakes);
    timeout(settings, mistakes);
    entities(settings, mistakes);
    prices(settings, mistakes);
    templates(settings, mistakes);
}

fn wrong(place: &str, message: &str, mistakes: &mut Vec<Mistake>) {
    mistakes.push(Mistake::new(Code::Invalid, &format!("settings.{place}"), message));
}

fn headers(settings: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
    let Some(headers) = settings.get("headers") else { return };
    let Value::Object(headers) = headers else {
        return wrong("headers", "`headers` is an object of names and texts", mistakes);
    };
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let is_text = |text: &str| !text.chars().any(char::is_control);
        if !is_header(name) {
            wrong("headers", &format!("`{}` cannot be the name of a header", cut(name)), mistakes);
        } else if CREDENTIALS.contains(&lower.as_str()) {
            let message = format!("the header `{lower}` carries credentials, which settings show to everybody");
            let mistake = Mistake::new(Code::Invalid, "settings.headers", message);
            mistakes.push(mistake.with_help("Put it into a secret, and name that in `authentication`."));
        } else if !value.as_str().is_some_and(is_text) {
            wrong("headers", &format!("the header `{lower}` is a text of one line"), mistakes);
        }
    }
}

fn timeout(settings: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
    let Some(timeout) = settings.get("timeout") else { return };
    let duration = timeout.as_str().and_then(|text| engine::duration::parse(text).ok());
    if duration.is_none_or(|duration| duration.is_zero()) {
        wrong("timeout", "`timeout` is a duration such as `10s`", mistakes);
    }
}

fn entities(settings: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
    let Some(entities) = settings.get("entities") else { return };
    let is_name = |entity: &Value| entity.as_str().is_some_and(|name| !name.is_empty());
    if !entities.as_array().is_some_and(|list| list.iter().all(is_name)) {
        wrong("entities", "`entities` is a list of names such as `order`", mistakes);
    }
}

fn prices(settings: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
    let Some(prices) = settings.get("prices") else { return };
    let is_price = |price: Option<&Value>| price.is_none_or(|price| price.as_f64().is_some_and(|price| price >= 0.0));
    let is_model = |model: &Value| model.is_object() && is_price(model.get("input")) && is_price(model.get("output"));
    if !prices.as_object().is_some_and(|models| models.values().all(is_model)) {
        let message = "`prices` has an object for each model, with `input` and `output` per million tokens";
        wrong("prices", message, mistakes);
    }
}

fn templates(settings: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
    let Some(templates) = settings.get("templates") else { return };
    let Value::Object(templates) = templates else {
        return wrong("templates", "`templates` is an object of names and templates", mistakes);
    };
    for (name, template) in templates {
        if !is_template(template) {
            let message = format!("the template `{}` is a text, or has a `message` and perhaps a `subject`", cut(name));
            wrong("templates", &message, mistakes);
        } else if let Err(faults) = Template::compile(template) {
            for fault in faults {
                let message = format!("the template `{}` at `{}`: {}", cut(name), fault.pointer, fault.message);
                wrong("templates", &message, mistakes);
            }
        }
    }
}

fn is_template(template: &Value) -> bool {
    match template {
        Value::String(_) => true,
        Value::Object(texts) => {
            texts.get("message").is_some_and(Value::is_string) && texts.get("subject").is_none_or(Value::is_string)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(settings: &Value) -> Vec<String> {
        let mut mistakes = Vec::new();
        check_settings(settings, &mut mistakes);
        mistakes.into_iter().map(|mistake| mistake.field.join(".")).collect()
    }

    #[test]
    fn settings_of_every_kind_are_accepted_as_they_are_written() {
        let settings = json!({
            "headers": { "accept-language": "en" },
            "timeout": "10s",
            "entities": ["order", "customer"],
            "username": "sluice",
            "format": "anthropic",
            "prices": { "small": { "input": 0.25, "output": 1 } },
            "from": "Orders <orders@example.com>",
            "recipient_prefix": "slack",
            "templates": { "late": { "subject": "Order {{order.id}}", "message": "It is late." }, "done": "Done." },
            "of_later": true,
        });
        assert_eq!(found(&settings), Vec::<String>::new());
        assert_eq!(found(&json!({})), Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_with_settings_is_told_at_once_and_credentials_are_refused() {
        let settings = json!({
            "headers": { "Authorization": "Bearer hunter2", "host": "other", "a": "b\nc" },
            "timeout": "soon",
            "entities": ["order", 1],
            "username": 5,
            "format": "other",
            "prices": { "small": { "input": -1 } },
            "templates": { "late": { "message": "{{order.id" } },
        });
        let mut places = found(&settings);
        places.sort();
        places.dedup();
        let all = ["entities", "format", "headers", "prices", "templates", "timeout", "username"];
        assert_eq!(places, all.map(|name| format!("settings.{name}")));
        assert_eq!(found(&json!([])), ["settings"]);
        let mut mistakes = Vec::new();
        check_settings(&settings, &mut mistakes);
        assert!(!format!("{mistakes:?}").contains("hunter2"), "{mistakes:?}");
    }
}
