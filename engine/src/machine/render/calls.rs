//! Calls to services of the organization, and messages to people.

use std::collections::BTreeSet;

use serde_json::Value;

use super::invalid;
use crate::definition::RecordOperation;
use crate::expr::{Template, to_text};
use crate::machine::effect::{CallTo, StepError};
use crate::machine::view::View;

/// Recipients of one message.
const MOST_RECIPIENTS: usize = 1_000;

/// Where a GraphQL request goes.
pub(super) fn to(url: Option<&Template>, service: Option<&str>, view: &View<'_>) -> Result<CallTo, StepError> {
    if let Some(service) = service {
        return Ok(CallTo::Service(service.to_owned()));
    }
    match super::filled(url, view)? {
        Some(url) => Ok(CallTo::Url(url)),
        None => Err(invalid("`url` is empty")),
    }
}

/// The kind of a record, and which one it is.
pub(super) fn record(
    operation: RecordOperation,
    entity: &Template,
    entity_id: Option<&Template>,
    view: &View<'_>,
) -> Result<(String, Option<String>), StepError> {
    let entity = super::filled(Some(entity), view)?.ok_or_else(|| invalid("`entity` is empty"))?;
    let id = entity_id.map(|id| id.render(view)).transpose()?.unwrap_or(Value::Null);
    if matches!(id, Value::Array(_) | Value::Object(_)) {
        return Err(invalid("`entity_id` must be a text or a number"));
    }
    let id = Some(to_text(&id)).filter(|id| !id.trim().is_empty());
    // Without an id the address would be that of all records of the kind.
    match operation {
        RecordOperation::Update | RecordOperation::Delete | RecordOperation::Get if id.is_none() => {
            Err(invalid(&format!("`entity_id` is empty, so it is not known which `{entity}` is meant")))
        }
        RecordOperation::Create | RecordOperation::Update | RecordOperation::Delete | RecordOperation::Get => {
            Ok((entity, id))
        }
    }
}

/// Whom to tell, each once and in the order written; a member that is a list counts as its members.
pub(super) fn recipients(template: &Template, view: &View<'_>) -> Result<Vec<String>, StepError> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let mut add = |value: &Value| match value {
        Value::Null => Ok(()),
        Value::Object(_) | Value::Array(_) => Err(invalid("a recipient must be a text, such as `role:manager`")),
        text => {
            let text = to_text(text).trim().to_owned();
            if !text.is_empty() && known.insert(text.clone()) {
                found.push(text);
            }
            Ok(())
        }
    };
    match template.render(view)? {
        Value::Array(members) => {
            for member in members {
                match member {
                    Value::Array(several) => several.iter().try_for_each(&mut add)?,
                    one => add(&one)?,
                }
            }
        }
        one => add(&one)?,
    }
    if found.is_empty() {
        return Err(invalid("`recipients` names nobody"));
    }
    if found.len() > MOST_RECIPIENTS {
        let message = format!("`recipients` has {} members, at most {MOST_RECIPIENTS} are told at once", found.len());
        return Err(invalid(&message));
    }
    Ok(found)
}
