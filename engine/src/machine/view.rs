//! What templates and conditions of one scope read (definition-language §4).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::state::{Origin, State};
use crate::Timestamp;
use crate::definition::MissingFields;
use crate::expr::Scope;
use crate::plan::Plan;

/// The context of one scope at one moment.
pub(super) struct View<'a> {
    pub(super) plan: &'a Plan,
    pub(super) origin: &'a Origin,
    pub(super) state: &'a State,
    pub(super) locals: Option<&'a Map<String, Value>>,
    /// What `now` stands for.
    pub(super) now: Timestamp,
}

/// Roots of the organization, which has none of them yet.
const EMPTY_ROOTS: [&str; 3] = ["vars", "secrets", "integrations"];

impl Scope for View<'_> {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some(value) = self.locals.and_then(|locals| locals.get(name)) {
            return Some(Cow::Borrowed(value));
        }
        if let Some(value) = self.own(name) {
            return Some(value);
        }
        match (self.state.context.get(name), self.origin.payload.get(name)) {
            (Some(written), Some(given)) if written.is_object() && given.is_object() && !self.is_replaced(name) => {
                Some(Cow::Owned(merged(given, written)))
            }
            (Some(written), _) => Some(Cow::Borrowed(written)),
            (None, Some(given)) => Some(Cow::Borrowed(given)),
            (None, None) => self.fallback(name),
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn missing_is_error(&self) -> bool {
        self.plan.definition().missing_fields == MissingFields::Error
    }
}

impl View<'_> {
    fn is_replaced(&self, name: &str) -> bool {
        self.state.replaced.iter().any(|replaced| replaced == name)
    }

    /// Roots that belong to the engine and that no payload can take.
    fn own(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "steps" => Some(Cow::Owned(Value::Object(self.state.steps.clone()))),
            "data" => self.state.data.as_ref().map(Cow::Borrowed),
            "workflow" => Some(Cow::Owned(json!({
                "id": self.origin.workflow_id, "name": self.origin.workflow_name, "version": self.origin.version,
            }))),
            "execution" => Some(Cow::Owned(json!({ "id": self.origin.execution }))),
            "trigger" => Some(Cow::Borrowed(&self.origin.trigger)),
            _other => None,
        }
    }

    fn fallback(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "event" => Some(Cow::Borrowed(&self.origin.payload)),
            _other if EMPTY_ROOTS.contains(&name) => Some(Cow::Owned(Value::Object(Map::new()))),
            _other => None,
        }
    }
}

/// `given` with everything in `written` put over it, object by object.
pub(super) fn merged(given: &Value, written: &Value) -> Value {
    match (given, written) {
        (Value::Object(given), Value::Object(written)) => {
            let mut fields = given.clone();
            for (key, value) in written {
                let value = match fields.get(key) {
                    Some(below) => merged(below, value),
                    None => value.clone(),
                };
                fields.insert(key.clone(), value);
            }
            Value::Object(fields)
        }
        (_, written) => written.clone(),
    }
}
