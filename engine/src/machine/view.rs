//! What templates and conditions of one scope read (definition-language §4).

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::state::{Origin, State};
use crate::Timestamp;
use crate::definition::MissingFields;
use crate::expr::Scope;
use crate::plan::Plan;

/// The context of one scope at one moment.
pub(super) struct View<'a> {
    plan: &'a Plan,
    origin: &'a Origin,
    state: &'a State,
    locals: Option<&'a Map<String, Value>>,
    /// What `now` stands for.
    now: Timestamp,
    /// Roots that come partly from the payload and partly from what was written: merged once,
    /// however often they are read.
    merged: OnceCell<Map<String, Value>>,
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
            (Some(written), Some(given)) if shows_through(self.state, name, given, written) => {
                self.merged.get_or_init(|| self.merge()).get(name).map(Cow::Borrowed)
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

impl<'a> View<'a> {
    pub(super) const fn new(
        plan: &'a Plan,
        origin: &'a Origin,
        state: &'a State,
        locals: Option<&'a Map<String, Value>>,
        now: Timestamp,
    ) -> Self {
        Self { plan, origin, state, locals, now, merged: OnceCell::new() }
    }

    /// The first list on the way to `path`: nothing can be written below a list.
    pub(super) fn list_above<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (name, below) = path.split_once('.')?;
        let root = self.root(name)?;
        let mut value: &Value = &root;
        let mut length = name.len();
        for part in below.split('.') {
            if value.is_array() {
                return path.get(..length);
            }
            value = value.get(part)?;
            length += 1 + part.len();
        }
        None
    }

    /// Roots that belong to the engine and that no payload can take.
    fn own(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "steps" => Some(Cow::Borrowed(&self.state.steps)),
            "trigger" => Some(Cow::Borrowed(&self.origin.trigger)),
            "workflow" => Some(Cow::Owned(json!({
                "id": self.origin.workflow_id,
                "name": self.origin.workflow_name,
                "version": self.origin.version,
            }))),
            "execution" => Some(Cow::Owned(json!({
                "id": self.origin.execution,
                "accepted_at": self.origin.accepted_at.to_rfc3339(),
            }))),
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

    fn merge(&self) -> Map<String, Value> {
        let mut roots = Map::new();
        for (name, written) in &self.state.context {
            if let Some(given) = self.origin.payload.get(name)
                && shows_through(self.state, name, given, written)
            {
                roots.insert(name.clone(), merged(self.state, name, given, written));
            }
        }
        roots
    }
}

/// Whether what the payload has at `path` shows through what was written below it.
fn shows_through(state: &State, path: &str, given: &Value, written: &Value) -> bool {
    given.is_object() && written.is_object() && !state.replaced.contains(path)
}

/// `given` with everything in `written` put over it.
fn merged(state: &State, path: &str, given: &Value, written: &Value) -> Value {
    match (given, written) {
        (Value::Object(given), Value::Object(below)) if !state.replaced.contains(path) => {
            let mut fields = given.clone();
            for (key, value) in below {
                let value = match fields.get(key) {
                    Some(given) => merged(state, &format!("{path}.{key}"), given, value),
                    None => value.clone(),
                };
                fields.insert(key.clone(), value);
            }
            Value::Object(fields)
        }
        (_, written) => written.clone(),
    }
}

/// The payload with everything written over it.
pub(super) fn context(origin: &Origin, state: &State) -> Map<String, Value> {
    let mut context = match &origin.payload {
        Value::Object(fields) => fields.clone(),
        other => Map::from_iter([("event".to_owned(), other.clone())]),
    };
    for (name, written) in &state.context {
        let value = match context.get(name) {
            Some(given) => merged(state, name, given, written),
            None => written.clone(),
        };
        context.insert(name.clone(), value);
    }
    context
}
