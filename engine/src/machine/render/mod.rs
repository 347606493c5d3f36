//! From an action as it is written to a call as it is made.

mod bound;
mod calls;
mod http;
mod model;
mod secrets;
mod shown;

use serde_json::{Map, Value};

pub(super) use self::bound::{MAX_STORED, bounded, bounded_answer, bounded_list, bounded_shared, given, size};
pub(super) use self::shown::shown;
use super::effect::{EffectRequest, SecretMarks, StepError};
use super::loading;
use super::view::View;
use crate::definition::ActionKind;
use crate::expr::Template;

/// A call, and what stands for secrets in it.
pub(super) type Rendered = (EffectRequest, Option<SecretMarks>);

/// What the parts of an action read: some of them may name secrets, the others find none.
struct Views<'v, 'a> {
    plain: &'v View<'a>,
    secret: &'v View<'a>,
}

/// The call that an action wants to make.
pub(super) fn request(kind: &ActionKind, view: &View<'_>) -> Result<Rendered, StepError> {
    let names = secrets::names(kind);
    if names.is_empty() {
        return Ok((render(kind, &Views { plain: view, secret: view })?, None));
    }
    // Twice: what marks a secret must occur nowhere else, which only the rendered request tells.
    let empty = view.with_secrets(secrets::empty(&names));
    let marks = secrets::marks(&render(kind, &Views { plain: view, secret: &empty })?, names);
    let marked = view.with_secrets(secrets::marked(&marks));
    let request = render(kind, &Views { plain: view, secret: &marked })?;
    secrets::check(&request, &marks)?;
    Ok((request, Some(marks)))
}

fn render(kind: &ActionKind, views: &Views<'_, '_>) -> Result<EffectRequest, StepError> {
    let view = views.plain;
    match kind {
        ActionKind::Http(call) => http::http(call, views.secret).map(EffectRequest::Http),
        ActionKind::GraphqlRequest { url, service, query, variables } => {
            let to = calls::to(url.as_ref(), service.as_deref(), view)?;
            let variables = object(variables.as_ref(), views.secret, "variables")?;
            Ok(EffectRequest::Graphql(super::GraphqlCall { to, query: query.clone(), variables }))
        }
        ActionKind::Record { operation, entity, entity_id, data, service } => {
            let (entity, entity_id) = calls::record(*operation, entity, entity_id.as_ref(), view)?;
            let data = object(data.as_ref(), views.secret, "data")?;
            let (operation, service) = (*operation, service.clone());
            Ok(EffectRequest::Record(super::RecordCall { operation, entity, entity_id, data, service }))
        }
        ActionKind::Notify { recipients, message, subject, channel, template, data } => {
            let text = |template: &Option<Template>| filled(template.as_ref(), view);
            let notification = super::Notification {
                recipients: calls::recipients(recipients, view)?,
                message: text(message)?,
                subject: text(subject)?,
                channel: text(channel)?,
                template: template.clone(),
                data: object(data.as_ref(), view, "data")?,
                told: Vec::new(),
            };
            if notification.message.is_none() && notification.template.is_none() {
                return Err(invalid("the message is empty"));
            }
            Ok(EffectRequest::Notify(notification))
        }
        ActionKind::Llm(template) => model::call(template, view).map(|call| EffectRequest::Model(Box::new(call))),
        ActionKind::Load => loading::request(view).map(|loads| EffectRequest::Load(Box::new(loads))),
        ActionKind::EmitEvent { event, payload } => {
            let payload = payload.as_ref().map(|payload| payload.render(view)).transpose()?;
            let payload = payload.unwrap_or_else(|| Value::Object(Map::new()));
            let event = event.render_text(view)?;
            if event.trim().is_empty() {
                return Err(invalid("the name of the event is empty"));
            }
            Ok(EffectRequest::EmitEvent { event, payload })
        }
        ActionKind::StartWorkflow { workflow_id, input } => {
            start_workflow(workflow_id, input.as_ref(), None, false, view)
        }
        // These never leave the process: a state that says so was written by another program.
        ActionKind::Log { .. } | ActionKind::Set(_) | ActionKind::CreateApproval { .. } => {
            Err(invalid(&format!("an action of type `{}` makes no call", super::actions::kind_name(kind))))
        }
    }
}

/// The start of another workflow; without `input` it is started with an empty object.
pub(super) fn start_workflow(
    workflow_id: &str,
    input: Option<&Template>,
    version: Option<u32>,
    waits: bool,
    view: &View<'_>,
) -> Result<EffectRequest, StepError> {
    let input = input.map(|input| input.render(view)).transpose()?.unwrap_or_else(|| Value::Object(Map::new()));
    Ok(EffectRequest::StartWorkflow { workflow_id: workflow_id.to_owned(), input, version, waits })
}

fn invalid(message: &str) -> StepError {
    StepError::other("INVALID_ACTION", message)
}

/// An object, or null when there is none.
fn object(template: Option<&Template>, view: &View<'_>, what: &str) -> Result<Value, StepError> {
    let Some(template) = template else { return Ok(Value::Null) };
    match template.render(view)? {
        value @ (Value::Object(_) | Value::Null) => Ok(value),
        _other => Err(invalid(&format!("`{what}` must be an object of names and values"))),
    }
}

/// A text, unless it is blank.
fn filled(template: Option<&Template>, view: &View<'_>) -> Result<Option<String>, StepError> {
    let text = template.map(|template| template.render_text(view)).transpose()?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

#[cfg(test)]
mod tests;
