//! Approvals: the same settings in a step and in an action (definition-language §6).

use serde_json::{Map, Value};

use super::model::{Approval, Escalate};
use super::reader::{At, Object};
use super::trigger::optional;
use super::{names, schema_check};
use crate::check::rules;
use crate::expr::Template;

/// Keys that are settings; in an action's `data`, all others are data.
const SETTINGS: &[&str] = &[
    "role",
    "approver_role",
    "users",
    "quorum",
    "entity",
    "entity_id",
    "reason",
    "expires_in",
    "remind_every",
    "escalate",
    "form",
    "data",
    "allow_self",
];

/// The object `approval` of a step.
pub(super) fn of_step(at: &At<'_>) -> Option<Approval> {
    let mut object = at.object("`approval`")?;
    let data = optional(object.take("data"), At::object_template);
    let approval = settings(&mut object, at, data);
    object.finish_plain();
    approval
}

/// A `create_approval_request` action: settings in `data`, `entity` and `entity_id` also beside it.
pub(super) fn of_action(action: &mut Object<'_>) -> Option<Approval> {
    let (entity, entity_id) = (action.take("entity"), action.take("entity_id"));
    let at = action.need("data")?;
    let mut object = at.object("`data`")?;
    let own_data = optional(object.take("data"), At::object_template);
    let mut approval = settings(&mut object, &at, own_data);
    let rest = free_data(&at);
    if let Some(approval) = &mut approval {
        if !rest.is_empty() {
            approval.data = merged_data(&at, rest);
        }
        if approval.entity.is_none() {
            approval.entity = optional(entity, At::text_template);
        }
        if approval.entity_id.is_none() {
            approval.entity_id = optional(entity_id, At::template);
        }
    }
    approval
}

fn free_data(at: &At<'_>) -> Map<String, Value> {
    let map = at.value.as_object().into_iter().flatten();
    map.filter(|(key, _)| !SETTINGS.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The keys that are no settings, with those of an inner `data`, which win.
fn merged_data(at: &At<'_>, mut rest: Map<String, Value>) -> Option<Template> {
    if let Some(Value::Object(inner)) = at.value.get("data") {
        rest.extend(inner.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    let value = Value::Object(rest);
    // Compiled apart from the text, so faults are reported at the object that holds the keys.
    let merged = At { value: &value, pointer: at.pointer.clone(), step: at.step, sink: at.sink };
    merged.template()
}

fn settings(object: &mut Object<'_>, at: &At<'_>, data: Option<Template>) -> Option<Approval> {
    let (role, old_role) = (object.take("role"), object.take("approver_role"));
    let role = match (role, old_role) {
        (Some(_), Some(old)) => {
            let message = "`role` and `approver_role` mean the same";
            old.report(rules::CONFLICTING_KEYS, message, Some("keep `role`".to_owned()));
            return None;
        }
        (Some(role), None) | (None, Some(role)) => Some(role.name_text()?.to_owned()),
        (None, None) => None,
    };
    let users = object.take("users").map_or(Some(Vec::new()), |at| names::list(&at));
    let quorum = object.take("quorum").map_or(Some(1), |at| at.integer(1, 1000));
    let entity = optional(object.take("entity"), At::text_template);
    let entity_id = optional(object.take("entity_id"), At::template);
    let reason = optional(object.take("reason"), At::text_template);
    let expires_in = optional(object.take("expires_in"), At::duration);
    let remind_every = optional(object.take("remind_every"), At::duration);
    let escalate = optional(object.take("escalate"), escalate);
    let form = object.take("form");
    if let Some(form) = &form {
        schema_check::check(form);
    }
    let allow_self = object.take("allow_self").map_or(Some(false), |at| at.boolean());
    if role.is_none() && users.as_ref().is_some_and(Vec::is_empty) {
        let hint = "add `role` or `users`".to_owned();
        at.report(rules::MISSING_KEY, "nobody could decide this approval", Some(hint));
    }
    Some(Approval {
        role,
        users: users?,
        quorum: quorum?,
        entity,
        entity_id,
        reason,
        expires_in,
        remind_every,
        escalate,
        form: form.map(|at| at.value.clone()),
        data,
        allow_self: allow_self?,
    })
}

fn escalate(at: &At<'_>) -> Option<Escalate> {
    let mut object = at.object("`escalate`")?;
    let after = object.need("after").and_then(|at| at.duration());
    let role = object.need("role").and_then(|at| at.name_text().map(str::to_owned));
    object.finish_plain();
    Some(Escalate { after: after?, role: role? })
}
