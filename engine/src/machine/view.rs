//! What templates and conditions of one scope read (definition-language §4).

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::finished::Finished;
use super::state::{Origin, ROOT, ScopeId, State, Written};
use crate::Timestamp;
use crate::definition::MissingFields;
use crate::expr::{Field, INTEGRATIONS, SECRETS, Scope, VARIABLES};
use crate::plan::Plan;

/// The context of one scope at one moment.
pub(super) struct View<'a> {
    plan: &'a Plan,
    origin: &'a Origin,
    state: &'a State,
    scope: ScopeId,
    /// What `event` stands for while an awaited event is looked at.
    event: Option<&'a Value>,
    /// What `secrets` stands for while a call is rendered that names some.
    secrets: Option<Value>,
    /// What `now` stands for.
    now: Timestamp,
    /// Roots that come partly from the payload and partly from what was written: merged once,
    /// however often they are read.
    merged: OnceCell<Map<String, Value>>,
}

impl Scope for View<'_> {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some(value) = self.local(name) {
            return Some(Cow::Borrowed(value));
        }
        if let Some(value) = self.own(name) {
            return Some(value);
        }
        let mut layers = self.layers(name).peekable();
        let Some(top) = layers.next() else {
            return match self.origin.payload.get(name) {
                Some(given) => Some(Cow::Borrowed(given)),
                None => self.fallback(name),
            };
        };
        let value = top.values.get(name)?;
        let below = layers.peek().and_then(|layer| layer.values.get(name)).or_else(|| self.origin.payload.get(name));
        match below {
            Some(below) if shows_through(top, name, below, value) => {
                self.merged.get_or_init(|| self.merge()).get(name).map(Cow::Borrowed)
            }
            _hidden => Some(Cow::Borrowed(value)),
        }
    }

    fn field(&self, root: &str, name: &str, below: Option<&str>) -> Option<Option<Field<'_>>> {
        if root != "steps" {
            return None;
        }
        let nested = (self.scope != ROOT).then(|| self.state.chain(self.scope)).into_iter().flatten();
        let nearest = nested.filter(|(id, _)| *id != ROOT).find_map(|(_, scope)| scope.steps.get(name));
        let whole = |finished: &Finished| Field { value: Cow::Owned(finished.value()), parts: 1 };
        match (nearest.or_else(|| self.state.steps.get(name)), below) {
            // How many there are is counted in the whole, as of any object.
            (None, None) if name == "length" => None,
            (None, _) => Some(None),
            (Some(finished), Some(below)) => Some(match finished.field(below) {
                Some(value) => Some(Field { value, parts: 2 }),
                None => (below == "length").then(|| whole(finished)),
            }),
            (Some(finished), None) => Some(Some(whole(finished))),
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
        scope: ScopeId,
        now: Timestamp,
    ) -> Self {
        Self { plan, origin, state, scope, event: None, secrets: None, now, merged: OnceCell::new() }
    }

    /// The same with `event` standing for an awaited event's payload.
    pub(super) fn with_event(mut self, payload: &'a Value) -> Self {
        self.event = Some(payload);
        self
    }

    /// The same with `secrets` standing for an object of texts.
    pub(super) fn with_secrets(&self, secrets: Value) -> Self {
        let Self { plan, origin, state, scope, event, now, .. } = *self;
        Self { plan, origin, state, scope, event, secrets: Some(secrets), now, merged: OnceCell::new() }
    }

    /// What is being looked at.
    pub(super) const fn parts(&self) -> (&'a Plan, &'a Origin, &'a State) {
        (self.plan, self.origin, self.state)
    }

    /// A value of the scope, or of one around it.
    fn local(&self, name: &str) -> Option<&'a Value> {
        if name == "event"
            && let Some(payload) = self.event
        {
            return Some(payload);
        }
        if self.scope == ROOT {
            return None;
        }
        let state: &'a State = self.state;
        state.chain(self.scope).find_map(|(_, scope)| scope.locals.get(name))
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

    /// Roots that belong to the engine and that no payload can take; of the organization's variables and services those
    /// that the definition names something below.
    fn own(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "steps" if self.scope == ROOT && self.state.steps.is_empty() => Some(Cow::Owned(Value::Null)),
            "steps" => Some(Cow::Owned(self.all_steps())),
            "trigger" => Some(Cow::Borrowed(&self.origin.trigger)),
            SECRETS => Some(self.secrets.as_ref().map_or_else(nothing, Cow::Borrowed)),
            VARIABLES | INTEGRATIONS => {
                let loading = self.plan.loading()?;
                let names = if name == VARIABLES { &loading.variables } else { &loading.integrations };
                if names.is_empty() {
                    // The definition reads nothing of the organization there: a key of the payload like any other.
                    return None;
                }
                // What was loaded, and nothing that a payload or an event calls so.
                let loaded = self.state.loaded.as_ref().and_then(|_| self.state.written.values.get(name));
                Some(loaded.map_or_else(nothing, Cow::Borrowed))
            }
            "workflow" => Some(Cow::Owned(json!({
                "id": self.origin.workflow_id,
                "name": self.origin.workflow_name,
                "version": self.origin.version,
            }))),
            "execution" => Some(Cow::Owned(json!({
                "id": self.origin.execution,
                "accepted_at": self.origin.accepted_at.to_rfc3339(),
            }))),
            "approval_url" => {
                let approval = self.state.last_approval.as_ref()?;
                Some(Cow::Owned(Value::String(format!("{}/approvals/{approval}", self.origin.base_url))))
            }
            _other => None,
        }
    }

    /// The finished steps that a nested scope sees: its own over those around it.
    fn all_steps(&self) -> Value {
        let mut all: Map<String, Value> = self.state.steps.fields().collect();
        let chain: Vec<_> = self.state.chain(self.scope).collect();
        for (_, scope) in chain.into_iter().rev() {
            all.extend(scope.steps.fields());
        }
        Value::Object(all)
    }

    fn fallback(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "event" => Some(Cow::Borrowed(&self.origin.payload)),
            _other => None,
        }
    }

    /// What was written under a root's name, nearest first.
    fn layers<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a Written> + use<'a, 'n> {
        let state: &'a State = self.state;
        // The flow itself, the usual case, needs no search.
        let nested = if self.scope == ROOT { None } else { Some(state.chain(self.scope)) };
        let nested = nested.into_iter().flatten().filter(|(id, _)| *id != ROOT).map(|(_, scope)| &scope.written);
        nested.chain(std::iter::once(&state.written)).filter(move |written| written.values.contains_key(name))
    }

    /// Every root of which something below shows through what was written over it.
    fn merge(&self) -> Map<String, Value> {
        let chain: Vec<&Written> = if self.scope == ROOT {
            vec![&self.state.written]
        } else {
            let nested = self.state.chain(self.scope).filter(|(id, _)| *id != ROOT).map(|(_, scope)| &scope.written);
            nested.chain(std::iter::once(&self.state.written)).collect()
        };
        let mut roots = Map::new();
        for written in chain.into_iter().rev() {
            for (name, value) in &written.values {
                let below = roots.get(name).or_else(|| self.origin.payload.get(name));
                let value = below.map_or_else(|| value.clone(), |below| merged(written, name, below, value));
                roots.insert(name.clone(), value);
            }
        }
        roots
    }
}

fn nothing<'v>() -> Cow<'v, Value> {
    Cow::Owned(Value::Object(Map::new()))
}

/// Whether what lies below at `path` shows through what was written over it.
fn shows_through(written: &Written, path: &str, below: &Value, value: &Value) -> bool {
    below.is_object() && value.is_object() && !written.replaced.contains(path)
}

/// `below` with everything in `value` put over it.
fn merged(written: &Written, path: &str, below: &Value, value: &Value) -> Value {
    match (below, value) {
        (Value::Object(below), Value::Object(above)) if !written.replaced.contains(path) => {
            let mut fields = below.clone();
            for (key, value) in above {
                let value = match fields.get(key) {
                    Some(below) => merged(written, &format!("{path}.{key}"), below, value),
                    None => value.clone(),
                };
                fields.insert(key.clone(), value);
            }
            Value::Object(fields)
        }
        (_, value) => value.clone(),
    }
}

/// The payload with everything written over it.
pub(super) fn context(origin: &Origin, state: &State) -> Map<String, Value> {
    let mut context = match &origin.payload {
        Value::Object(fields) => fields.clone(),
        other => Map::from_iter([("event".to_owned(), other.clone())]),
    };
    for (name, value) in &state.written.values {
        let value = match context.get(name) {
            Some(below) => merged(&state.written, name, below, value),
            None => value.clone(),
        };
        context.insert(name.clone(), value);
    }
    context
}
