//! Texts that an organization keeps with a service, for actions that name them instead of having their own.

use std::time::SystemTime;

use engine::Timestamp;
use engine::expr::{DataScope, EvalError, Template, to_text};
use engine::machine::StepError;
use serde_json::Value;
use service::parts::Service;

/// A rendered template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) subject: Option<String>,
    pub(super) message: String,
}

/// The template `name` of a service, over `data`.
///
/// # Errors
/// `UNKNOWN_TEMPLATE` when the service has none of that name; otherwise when it cannot be rendered.
pub(super) fn rendered(service: &Service, name: &str, data: &Value, now: Timestamp) -> Result<Texts, StepError> {
    let found = service.settings.get("templates").and_then(|templates| templates.get(name));
    let (subject, message) = match found {
        Some(Value::String(message)) => (None, Some(message)),
        Some(texts) => (texts.get("subject").and_then(Value::as_str), text(texts.get("message"))),
        None => (None, None),
    };
    let message = message.ok_or_else(|| {
        let message = format!(
            "the service `{}` has no template `{name}` with a `message`; write it into `templates` of its settings",
            service.name
        );
        StepError::other("UNKNOWN_TEMPLATE", message)
    })?;
    let fill = |text: &str| filled(text, data, now).map_err(|what| wrong(service, name, what));
    Ok(Texts { subject: subject.map(fill).transpose()?, message: fill(message.as_str())? })
}

fn text(value: Option<&Value>) -> Option<&String> {
    match value {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    }
}

/// The moment that `now` stands for.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Why a template has no text.
enum Unfilled {
    Faulty(String),
    Failed(EvalError),
}

fn filled(text: &str, data: &Value, now: Timestamp) -> Result<String, Unfilled> {
    let template = Template::compile(&Value::String(text.to_owned())).map_err(|faults| {
        Unfilled::Faulty(faults.into_iter().next().map_or_else(String::new, |fault| fault.message))
    })?;
    let value = template.render(&DataScope { data, now }).map_err(Unfilled::Failed)?;
    Ok(to_text(&value))
}

fn wrong(service: &Service, name: &str, what: Unfilled) -> StepError {
    let at = format!("template `{name}` of the service `{}`", service.name);
    match what {
        Unfilled::Faulty(what) => StepError::other("UNKNOWN_TEMPLATE", format!("{at} cannot be read: {what}")),
        Unfilled::Failed(problem) => StepError::other(problem.code(), format!("{at}: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use ids::ServiceId;
    use serde_json::json;
    use service::parts::{Authentication, AuthenticationKind, ServiceKind};

    use super::*;

    fn service(templates: Value) -> Service {
        let settings = json!({ "templates": templates });
        Service {
            id: ServiceId::new(),
            name: "team".to_owned(),
            kind: ServiceKind::Chat,
            base_url: None,
            authentication: Authentication { kind: AuthenticationKind::None, secret: None, header_name: None },
            settings: settings.as_object().cloned().unwrap(),
        }
    }

    #[test]
    fn a_template_is_filled_with_the_data_of_the_action() {
        let service = service(json!({
            "late": { "subject": "Order {{id}}", "message": "{{id}} is {{days}} days late" }, "short": "hello {{id}}",
        }));
        let data = json!({ "id": "o-1", "days": 3 });
        let texts = rendered(&service, "late", &data, Timestamp(0)).unwrap();
        assert_eq!(texts.subject.as_deref(), Some("Order o-1"));
        assert_eq!(texts.message, "o-1 is 3 days late");
        let texts = rendered(&service, "short", &data, Timestamp(0)).unwrap();
        assert_eq!((texts.subject, texts.message.as_str()), (None, "hello o-1"));
    }

    #[test]
    fn a_template_that_is_not_there_or_cannot_be_read_is_told() {
        let service = service(json!({ "broken": "{{", "empty": {} }));
        for name in ["late", "broken", "empty"] {
            let error = rendered(&service, name, &Value::Null, Timestamp(0)).unwrap_err();
            assert_eq!(error.code, "UNKNOWN_TEMPLATE", "{name}");
            assert!(error.message.contains(&format!("`{name}`")), "{error:?}");
        }
    }
}
