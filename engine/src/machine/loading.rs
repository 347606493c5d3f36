//! What the definition reads of the organization, fetched before the first step (definition-language §4).
//!
//! It is a step that no definition has, with one call for everything. What came is written into the context, by events
//! like any other: so an execution keeps what it was given, whatever the organization changes meanwhile.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::effect::{Load, LoadSource, Loads, StepError, StepPath};
use super::event::Event;
use super::render::{bounded, size};
use super::run::{Here, Run};
use super::state::{ROOT, State};
use super::view::{self, View};
use crate::definition::{ContextLoad, Loader};
use crate::expr::{INTEGRATIONS, Path, SECRETS, Template, VARIABLES, lookup};
use crate::plan::Plan;

/// Bytes of everything that is loaded: each resource is bounded, and there may be many.
const MAX_LOADED: usize = 4 * 1024 * 1024;
/// Why something was cut.
const TOO_MUCH: &str = "everything that is loaded has 4 MiB at most";
/// Values that are written in all: fields beyond are readable below their resource alone, and not beside it.
const MOST_WRITES: usize = 1_000;
/// Longest path of such a field, in bytes.
const MAX_PATH: usize = 1024;

/// What was not loaded yet.
struct Left<'p> {
    resources: Vec<&'p ContextLoad>,
    variables: Vec<&'p String>,
    integrations: Vec<&'p String>,
}

/// What came, as it is kept.
pub(super) struct Received {
    /// Names, for the journal and for whoever looks whether something is left.
    summary: Value,
    writes: Vec<(String, Value)>,
    warnings: Vec<String>,
}

/// Whether there is a place for a value.
enum Place {
    Free,
    Taken,
    /// The path leads through this, which is no object.
    Within(String),
}

impl<'p> Left<'p> {
    /// A resource that the payload has is not loaded: the payload wins (D-4).
    fn of(plan: &'p Plan, state: &State, view: &View<'_>) -> Option<Self> {
        let loading = plan.loading()?;
        let is_there = |load: &&ContextLoad| Path::parse(load.path()).is_ok_and(|path| lookup(view, &path).is_some());
        let missing = plan.definition().context.iter().filter(|load| !is_there(load));
        let left = match &state.loaded {
            None => Self {
                resources: missing.collect(),
                variables: loading.variables.iter().collect(),
                integrations: loading.integrations.iter().collect(),
            },
            // Somebody let it go on without.
            Some(record) if record["status"] == "skipped" => return None,
            Some(record) => {
                let output = &record["output"];
                let (resources, absent) = (named(output, "resources"), absent(output));
                let (variables, integrations) = (named(output, "variables"), named(output, "integrations"));
                let is_new = |load: &&ContextLoad| {
                    !resources.contains(load.name.as_str()) && absent.iter().all(|(name, _)| *name != load.name)
                };
                Self {
                    resources: missing.filter(is_new).collect(),
                    variables: loading.variables.iter().filter(|name| !variables.contains(name.as_str())).collect(),
                    integrations: loading
                        .integrations
                        .iter()
                        .filter(|name| !integrations.contains(name.as_str()))
                        .collect(),
                }
            }
        };
        let has_any = !(left.resources.is_empty() && left.variables.is_empty() && left.integrations.is_empty());
        has_any.then_some(left)
    }
}

fn named<'v>(output: &'v Value, key: &str) -> BTreeSet<&'v str> {
    output[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a name such as `vars.limit` was asked for.
fn is_asked(asked: &[(&str, &BTreeSet<String>)], name: &str) -> bool {
    let key = match name.split_once('.') {
        Some((VARIABLES, _)) => "variables",
        Some((INTEGRATIONS, _)) => "integrations",
        _a_resource => return false,
    };
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    asked.iter().any(|(asked, names)| *asked == key && names.contains(name))
}

/// What could not be loaded, with the reason.
fn absent(output: &Value) -> Vec<(&str, &str)> {
    let entries = output["absent"].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some((entry["name"].as_str()?, entry["reason"].as_str().unwrap_or_default()))).collect()
}

/// What an execution that has begun would read in a plan without having it: it was not loaded when it began.
pub(super) fn unloaded(plan: &Plan, view: &View<'_>, state: &State) -> Option<String> {
    let left = Left::of(plan, state, view)?;
    let variable = left.variables.first().map(|name| format!("the variable `{name}`"));
    let integration = left.integrations.first().map(|name| format!("the service `{name}` in `integrations`"));
    variable.or(integration).or_else(|| left.resources.first().map(|load| format!("the resource `{}`", load.name)))
}

/// The call that fetches what is left.
pub(super) fn request(view: &View<'_>) -> Result<Loads, StepError> {
    let (plan, origin, state) = view.parts();
    let left = Left::of(plan, state, view);
    let left = left.unwrap_or(Left { resources: Vec::new(), variables: Vec::new(), integrations: Vec::new() });
    let mut context = view::context(origin, state);
    let mut resources = Vec::with_capacity(left.resources.len());
    for load in left.resources {
        match fetched(load, &context, view) {
            Ok(load) => resources.push(load),
            // It is told when the others have come.
            Err(_absent) if load.optional => {}
            Err(error) => return Err(error),
        }
    }
    for root in [VARIABLES, INTEGRATIONS, SECRETS] {
        context.remove(root);
    }
    Ok(Loads {
        resources,
        variables: left.variables.into_iter().cloned().collect(),
        integrations: left.integrations.into_iter().cloned().collect(),
        context: Value::Object(context),
    })
}

/// One resource as it is asked for.
fn fetched(load: &ContextLoad, context: &Map<String, Value>, view: &View<'_>) -> Result<Load, StepError> {
    if let Place::Within(above) = place(context, load.path()) {
        return Err(StepError::other("INVALID_PATH", within(load, &above)));
    }
    let source = load.loader.as_ref().map(|loader| source(loader, view)).transpose()?;
    Ok(Load { name: load.name.clone(), is_optional: load.optional, source })
}

fn within(load: &ContextLoad, above: &str) -> String {
    format!("the resource `{}` cannot be stored at `{}`: `{above}` is no object", load.name, load.path())
}

fn source(loader: &Loader, view: &View<'_>) -> Result<LoadSource, StepError> {
    let text = |template: &Option<Template>| -> Result<Option<String>, StepError> {
        let text = template.as_ref().map(|template| template.render_text(view)).transpose()?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    };
    let value = |template: &Option<Template>| -> Result<Value, StepError> {
        Ok(template.as_ref().map(|template| template.render(view)).transpose()?.unwrap_or(Value::Null))
    };
    let params = value(&loader.params)?;
    if !matches!(params, Value::Null | Value::Object(_)) {
        return Err(StepError::other("INVALID_ACTION", "`params` of a resource must be an object"));
    }
    Ok(LoadSource {
        kind: loader.kind,
        service: loader.service.clone(),
        path: text(&loader.path)?,
        query: value(&loader.query)?,
        key: text(&loader.key)?,
        params,
        cache_ttl: loader.cache_ttl,
    })
}

/// What a write at a path meets.
fn place(context: &Map<String, Value>, path: &str) -> Place {
    let (root, below) = path.split_once('.').unwrap_or((path, ""));
    let Some(mut value) = context.get(root) else { return Place::Free };
    let mut length = root.len();
    for part in below.split('.').filter(|part| !part.is_empty()) {
        match value {
            Value::Object(fields) => match fields.get(part) {
                Some(field) => value = field,
                None => return Place::Free,
            },
            Value::Null => return Place::Free,
            _no_object => return Place::Within(path.get(..length).unwrap_or(path).to_owned()),
        }
        length += 1 + part.len();
    }
    Place::Taken
}

/// Writes a value where there is a place for it.
fn put(context: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((root, below)) = path.split_once('.') else {
        context.insert(path.to_owned(), value);
        return;
    };
    let mut place = context.entry(root).or_insert(Value::Null);
    for part in below.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(part).or_insert(Value::Null);
    }
    *place = value;
}

/// What is written, in order, and the context with it.
struct Writes {
    context: Map<String, Value>,
    writes: Vec<(String, Value)>,
    left: usize,
    /// What did not fit, told.
    cut: Vec<String>,
}

impl Writes {
    /// Keeps a value, bounded.
    fn keep(&mut self, path: &str, value: Value) {
        self.store(path, bounded(value, false));
    }

    /// Keeps what the organization has, each value by itself: one that is too large takes no other with it.
    fn keep_each(&mut self, root: &str, values: Map<String, Value>) {
        let fitted = values.into_iter().map(|(name, value)| {
            let value = self.fitted(&format!("{root}.{name}"), value);
            (name, value)
        });
        let fitted = fitted.collect();
        self.write(root, Value::Object(fitted));
    }

    fn store(&mut self, path: &str, value: Value) {
        let value = self.fitted(path, value);
        self.write(path, value);
    }

    /// The value, or a marker in its place when there is no room for it any more, which is told.
    fn fitted(&mut self, path: &str, value: Value) -> Value {
        let is_too_much = size(&value) > self.left;
        let value = if is_too_much { json!({ "$truncated": true }) } else { value };
        if is_too_much {
            self.cut.push(format!("`{path}` was cut: {TOO_MUCH}"));
        }
        self.left -= size(&value).min(self.left);
        value
    }

    fn write(&mut self, path: &str, value: Value) {
        put(&mut self.context, path, value.clone());
        self.writes.push((path.to_owned(), value));
    }

    /// The fields of a resource are readable beside it too, unless something else is there.
    fn spread(&mut self, path: &str, value: &Value) -> Option<String> {
        let (Value::Object(fields), Some((parent, _))) = (value, path.rsplit_once('.')) else { return None };
        if fields.contains_key("$truncated") {
            return None;
        }
        let count = fields.len();
        if self.writes.len() + count > MOST_WRITES {
            return Some(format!("`{path}` has {count} fields, which are too many: they are readable below it alone"));
        }
        let before = self.cut.len();
        for (key, field) in fields {
            let beside = format!("{parent}.{key}");
            let is_name = !key.is_empty() && !key.contains('.') && beside.len() <= MAX_PATH;
            if is_name && matches!(place(&self.context, &beside), Place::Free) {
                self.keep(&beside, field.clone());
            }
        }
        // Once there is no room none of them has any: told once.
        let cut = self.cut.split_off(before).len();
        (cut > 0).then(|| format!("{cut} fields beside `{path}` were cut: {TOO_MUCH}"))
    }
}

impl Run<'_> {
    /// Whether something has to be loaded before the flow can begin.
    pub(super) fn has_to_load(&self) -> bool {
        self.plan.loading().is_some() && {
            let view = View::new(self.plan, self.origin, self.state, ROOT, self.now);
            Left::of(self.plan, self.state, &view).is_some()
        }
    }

    /// What becomes of what came.
    pub(super) fn received(&self, here: &Here, output: &Value) -> Result<Received, StepError> {
        let view = self.view(here);
        let told = absent(output);
        let came = output.get("resources");
        let left = Left::of(self.plan, self.state, &view);
        let context = view::context(self.origin, self.state);
        let mut keeps = Writes { context, writes: Vec::new(), left: MAX_LOADED, cut: Vec::new() };
        let loading = self.plan.loading();
        let asked = loading.map(|loading| [("variables", &loading.variables), ("integrations", &loading.integrations)]);
        let asked: Vec<_> = asked.into_iter().flatten().filter(|(_, asked)| !asked.is_empty()).collect();
        for (key, asked) in &asked {
            let root = if *key == "variables" { VARIABLES } else { INTEGRATIONS };
            let values = self.with_earlier(root, asked, output.get(key));
            keeps.keep_each(root, values);
        }
        let (mut names, mut missing, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Vec::new();
        for load in left.iter().flat_map(|left| &left.resources) {
            if let Some(value) = came.and_then(|came| came.get(&load.name)) {
                names.push(load.name.clone());
                found.push((load.path(), value));
                continue;
            }
            let reason = told.iter().find(|(name, _)| *name == load.name).map(|(_, reason)| (*reason).to_owned());
            let reason = reason.or_else(|| fetched(load, &keeps.context, &view).err().map(|error| error.message));
            let reason = reason.unwrap_or_else(|| "there is none".to_owned());
            if !load.optional {
                let message = format!("the resource `{}` is required: {reason}", load.name);
                return Err(StepError::other("RESOURCE_NOT_FOUND", message));
            }
            warnings.push(format!("the resource `{}` is absent: {reason}", load.name));
            missing.push(json!({ "name": load.name, "reason": reason }));
        }
        for (name, reason) in told.iter().filter(|(name, _)| is_asked(&asked, name)) {
            warnings.push(format!("`{name}` is absent: {reason}"));
            missing.push(json!({ "name": name, "reason": reason }));
        }
        // What lies above comes first: then what lies below is laid beside its fields.
        found.sort_by_key(|(path, _)| path.split('.').count());
        for (path, value) in found {
            match place(&keeps.context, path) {
                Place::Free => keeps.keep(path, value.clone()),
                Place::Taken => {}
                Place::Within(above) => warnings.push(format!("`{path}` was not stored: `{above}` is no object")),
            }
        }
        for (path, value) in keeps.writes.clone().into_iter().skip(asked.len()) {
            warnings.extend(keeps.spread(&path, &value));
        }
        let mut summary = json!({ "resources": names, "variables": [], "integrations": [], "absent": missing });
        for (key, asked) in asked {
            summary[key] = json!(asked);
        }
        self.add_earlier(&mut summary);
        warnings.append(&mut keeps.cut);
        Ok(Received { summary, writes: keeps.writes, warnings })
    }

    /// What was loaded before stays, and what came is added.
    fn with_earlier(&self, root: &str, asked: &BTreeSet<String>, came: Option<&Value>) -> Map<String, Value> {
        let earlier = self.state.loaded.as_ref().and_then(|_| self.state.written.values.get(root));
        let mut pinned = earlier.and_then(Value::as_object).cloned().unwrap_or_default();
        let came = came.and_then(Value::as_object).into_iter().flatten();
        for (name, value) in came.filter(|(name, _)| asked.contains(*name)) {
            if !pinned.contains_key(name) {
                pinned.insert(name.clone(), bounded(value.clone(), false));
            }
        }
        pinned
    }

    /// The names of what was loaded before are kept.
    fn add_earlier(&self, summary: &mut Value) {
        let Some(earlier) = self.state.loaded.as_ref().map(|record| &record["output"]) else { return };
        for key in ["resources", "variables", "integrations", "absent"] {
            let Value::Array(list) = &mut summary[key] else { continue };
            for entry in earlier[key].as_array().into_iter().flatten() {
                if !list.contains(entry) {
                    list.push(entry.clone());
                }
            }
        }
    }

    /// Records what came: it is part of the context from now on.
    pub(super) fn keep_loaded(&mut self, here: &Here, index: u32, received: Received) {
        let Received { summary: output, writes, warnings } = received;
        let (path, attempt, at) = (here.path.clone(), here.attempt, self.now);
        self.emit(Event::ActionFinished { path, attempt, action: index, output: output.into(), error: None, at });
        for (path, value) in writes {
            self.emit(Event::ContextSet { scope: ROOT, path: path.into(), value });
        }
        for message in warnings {
            self.emit(Event::Warned { path: StepPath::default(), message });
        }
    }
}
