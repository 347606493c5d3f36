//! Entries of an `execute` list (definition-language §8).

use super::model::{Action, ActionKind, HttpAction, LogLevel, RecordOperation};
use super::reader::{At, Object};
use super::suggest::nearest;
use super::trigger::optional;
use super::{approval, method, model_call, names, retry, words};
use crate::check::rules;
use crate::expr::Template;
use crate::pattern::EventPattern;

/// Largest `max_response_bytes`: 64 MiB.
const MOST_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn list(at: &At<'_>) -> Option<Vec<Action>> {
    let actions: Vec<_> = at.list()?.iter().map(action).collect();
    actions.into_iter().collect()
}

/// The key `type`, which may also be spelt `action`.
pub(super) fn type_key<'a>(object: &mut Object<'a>) -> Option<At<'a>> {
    if object.has("action") {
        let written = object.take("action");
        if let Some(at) = object.take("type") {
            let message = "`type` and `action` mean the same here";
            at.report(rules::CONFLICTING_KEYS, message, Some("keep `type`".to_owned()));
        }
        return written;
    }
    object.need("type")
}

fn action(at: &At<'_>) -> Option<Action> {
    let mut object = at.object("an action")?;
    let optional = object.take("optional").map_or(Some(false), |at| at.boolean());
    let save_as = object.take("save_as").and_then(|at| at.string().and_then(|path| names::written_path(&at, path)));
    let Some(type_at) = type_key(&mut object) else {
        let hint = format!("add \"type\": one of {}", words::ACTION_TYPES.join(", "));
        at.report(rules::MISSING_KEY, "an action needs `type`", Some(hint));
        return None;
    };
    let written = type_at.string()?;
    let kind = match written {
        "http_request" => http(&mut object, false),
        "webhook" => http(&mut object, true),
        "graphql_request" => graphql(&mut object),
        "create_record" => record(&mut object, RecordOperation::Create),
        "update_record" => record(&mut object, RecordOperation::Update),
        "delete_record" => record(&mut object, RecordOperation::Delete),
        "get_record" => record(&mut object, RecordOperation::Get),
        "notify" => notify(&mut object),
        "create_approval_request" => {
            approval::of_action(&mut object).map(|approval| ActionKind::CreateApproval { approval: Box::new(approval) })
        }
        "emit_event" => emit_event(&mut object),
        "start_workflow" => start_workflow(&mut object),
        "llm" => model_call::decode(&mut object),
        "log" => log(&mut object),
        "set" => object.need("set").and_then(|at| assignments(&at)).map(ActionKind::Set),
        other => {
            report_unknown_type(&type_at, other);
            return None;
        }
    };
    object.call(format!("the action `{written}`"));
    object.finish(|key| {
        matches!(key, "retry" | "on_error" | "when" | "next")
            .then(|| format!("`{key}` belongs to the step, beside `execute`"))
    });
    Some(Action { kind: kind?, optional: optional?, save_as, pointer: at.pointer.clone() })
}

fn report_unknown_type(at: &At<'_>, written: &str) {
    let message = format!("there is no action type `{}`", names::shorten(written));
    if words::STEP_TYPES.iter().any(|(kind, _)| *kind == written) {
        let hint = format!("`{written}` is a step type: make it a step of its own");
        return at.report(rules::UNKNOWN_WORD, message, Some(hint));
    }
    let near = nearest(written, words::ACTION_TYPES.iter().copied());
    at.report_meant(rules::UNKNOWN_WORD, message, near, || format!("use one of {}", words::ACTION_TYPES.join(", ")));
}

fn http(object: &mut Object<'_>, is_webhook: bool) -> Option<ActionKind> {
    let url = object.need("url").and_then(|at| method::url(&at));
    let method = object.take("method").map_or(Some("POST".to_owned()), |at| method::decode(&at));
    let headers = optional(object.take("headers"), headers);
    let query = optional(object.take("query"), At::object_template);
    let (body, form) = (object.take_value("body"), object.take("form"));
    if let (Some(_), Some(form)) = (&body, &form) {
        let message = "`body` and `form` cannot stand together";
        form.report(rules::CONFLICTING_KEYS, message, Some("keep one of them".to_owned()));
    }
    let body = optional(body, At::template);
    let form = optional(form, At::object_template);
    let timeout = optional(object.take("timeout"), At::duration);
    let auth = optional(object.take("auth"), At::object_template);
    let expect_status = object.take("expect_status").map_or(Some(Vec::new()), |at| retry::statuses(&at));
    let max_response_bytes = optional(object.take("max_response_bytes"), |at| at.integer(1, MOST_RESPONSE_BYTES));
    Some(ActionKind::Http(Box::new(HttpAction {
        is_webhook,
        url: url?,
        method: method?,
        headers,
        query,
        body,
        form,
        timeout,
        auth,
        expect_status: expect_status?,
        max_response_bytes,
    })))
}

fn headers(at: &At<'_>) -> Option<Template> {
    for (name, value) in at.members().filter(|_| at.value.is_object()).unwrap_or_default() {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            let message = format!("`{}` cannot be the name of a header", names::shorten(name));
            value.report(rules::BAD_NAME, message, None);
        }
        if value.value.is_array() || value.value.is_object() {
            value.report(rules::WRONG_TYPE, format!("the header `{name}` must be a text"), None);
        }
    }
    at.object_template()
}

fn graphql(object: &mut Object<'_>) -> Option<ActionKind> {
    let (url, service) = (object.take("url"), object.take("service"));
    if url.is_none() && service.is_none() {
        object.need("url");
    }
    if let (Some(_), Some(service)) = (&url, &service) {
        let message = "`url` and `service` cannot stand together";
        service.report(rules::CONFLICTING_KEYS, message, Some("keep one of them".to_owned()));
    }
    let url = optional(url, method::url);
    let service = optional(service, |at| at.name_text().map(str::to_owned));
    let query = object.need("query").and_then(|at| at.name_text().map(str::to_owned));
    let variables = optional(object.take("variables"), At::object_template);
    Some(ActionKind::GraphqlRequest { url, service, query: query?, variables })
}

fn record(object: &mut Object<'_>, operation: RecordOperation) -> Option<ActionKind> {
    let entity = object.need("entity").and_then(|at| at.text_template());
    let entity_id = match operation {
        RecordOperation::Create => optional(object.take("entity_id"), At::template),
        RecordOperation::Update | RecordOperation::Delete | RecordOperation::Get => {
            object.need("entity_id").and_then(|at| at.template())
        }
    };
    let data = match operation {
        RecordOperation::Create | RecordOperation::Update => object.need("data").and_then(|at| at.object_template()),
        RecordOperation::Delete | RecordOperation::Get => optional(object.take("data"), At::object_template),
    };
    let service = optional(object.take("service"), |at| at.name_text().map(str::to_owned));
    Some(ActionKind::Record { operation, entity: entity?, entity_id, data, service })
}

fn notify(object: &mut Object<'_>) -> Option<ActionKind> {
    let recipients =
        object.need("recipients").and_then(|at| if at.value.is_array() { at.template() } else { at.text_template() });
    let message = optional(object.take("message"), At::text_template);
    let subject = optional(object.take("subject"), At::text_template);
    let channel = optional(object.take("channel"), At::text_template);
    let template = optional(object.take("template"), |at| at.name_text().map(str::to_owned));
    let data = optional(object.take("data"), At::object_template);
    if !object.has("message") && !object.has("template") {
        object.need("message");
    }
    Some(ActionKind::Notify { recipients: recipients?, message, subject, channel, template, data })
}

fn emit_event(object: &mut Object<'_>) -> Option<ActionKind> {
    let event = object.need("event").and_then(|at| {
        let template = at.text_template()?;
        let text = at.string()?;
        if template.is_literal() {
            let pattern = at.event_pattern()?;
            if !EventPattern::is_exact(&pattern) {
                let message = format!("`{text}` is a pattern; an event has a plain name");
                at.report(rules::BAD_EVENT, message, None);
                return None;
            }
        }
        Some(template)
    });
    let payload = optional(object.take("payload"), At::object_template);
    Some(ActionKind::EmitEvent { event: event?, payload })
}

fn start_workflow(object: &mut Object<'_>) -> Option<ActionKind> {
    let workflow_id = object.need("workflow_id").and_then(|at| names::workflow_id(&at));
    let input = optional(object.take("input"), At::object_template);
    Some(ActionKind::StartWorkflow { workflow_id: workflow_id?, input })
}

fn log(object: &mut Object<'_>) -> Option<ActionKind> {
    let message = object.need("message").and_then(|at| at.text_template());
    let level = object.take("level").map_or(Some(LogLevel::Info), |at| at.word(words::LOG_LEVELS));
    let data = optional(object.take_value("data"), At::template);
    Some(ActionKind::Log { message: message?, level: level?, data })
}

/// `{path: template, …}`.
pub(super) fn assignments(at: &At<'_>) -> Option<Vec<(String, Template)>> {
    let members = at.members()?;
    if members.is_empty() {
        at.report(rules::MISSING_KEY, "`set` needs at least one path", None);
        return None;
    }
    let assignments: Vec<_> = members
        .iter()
        .map(|(path, at)| {
            let path = names::written_path(at, path);
            let template = at.template();
            path.zip(template)
        })
        .collect();
    assignments.into_iter().collect()
}
