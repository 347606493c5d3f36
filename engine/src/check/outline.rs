//! The steps of a text and what they name, read without decoding: so that a step which is wrong in
//! itself still counts as a target, and its references are still checked.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::suggest::nearest;
use crate::definition::words::REFERENCE_KEYS;
use crate::pointer;

/// What a text consists of, as far as names go.
#[derive(Default)]
pub(super) struct Outline<'a> {
    /// Lists of steps; the first is the top level.
    pub bodies: Vec<Body<'a>>,
    pub uses: Vec<Use<'a>>,
}

/// A list of steps whose references stay among themselves.
pub(super) struct Body<'a> {
    pub steps: Vec<Node<'a>>,
    /// Position of the first step with an id.
    by_id: BTreeMap<&'a str, usize>,
    /// Comparisons that may still be made to find out what a misspelt reference was meant for.
    comparisons_left: Cell<usize>,
    /// Steps run in listed order unless `next` says otherwise; not so at the top level (D-12).
    pub is_ordered: bool,
}

pub(super) struct Node<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub pointer: String,
    pub references: Vec<Reference<'a>>,
}

pub(super) struct Reference<'a> {
    pub key: &'static str,
    pub target: &'a str,
    pub pointer: String,
}

/// Something that has to exist, here or elsewhere.
pub(super) struct Use<'a> {
    pub what: Used<'a>,
    pub pointer: String,
    pub step: Option<&'a str>,
}

pub(super) enum Used<'a> {
    /// A rule, and whether it has to answer true or false.
    Rule {
        slug: &'a str,
        decides: bool,
    },
    /// `verify.secret` of a webhook trigger.
    HookSecret(&'a str),
    /// A name in `context.load`.
    Resource(&'a str),
    /// An object in `context.load` that does not say how it is loaded.
    Loader {
        name: &'a str,
        is_optional: bool,
    },
    Workflow(&'a str),
    Service(&'a str),
}

impl<'a> Body<'a> {
    fn new(is_ordered: bool) -> Self {
        let comparisons_left = Cell::new(100_000);
        Self { steps: Vec::new(), by_id: BTreeMap::new(), comparisons_left, is_ordered }
    }

    fn push(&mut self, node: Node<'a>) {
        self.by_id.entry(node.id).or_insert(self.steps.len());
        self.steps.push(node);
    }

    /// The position of the first step with this id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The step that a reference to an unknown one was probably meant for.
    pub(super) fn meant(&self, target: &str) -> Option<&'a str> {
        let left = self.comparisons_left.get().checked_sub(self.by_id.len())?;
        self.comparisons_left.set(left);
        nearest(target, self.by_id.keys().copied().filter(|id| !id.is_empty()))
    }
}

impl<'a> Outline<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        let mut outline = Self::default();
        outline.triggers(root);
        outline.loads(root);
        if let Some((at, Value::Array(steps))) = member(root, "steps") {
            outline.body(steps, &at, false);
        }
        outline
    }

    fn add(&mut self, what: Used<'a>, pointer: String, step: Option<&'a str>) {
        self.uses.push(Use { what, pointer, step });
    }

    fn triggers(&mut self, root: &'a Value) {
        let own = |root: &'a Value, base: &str| {
            ["trigger", "triggers"]
                .into_iter()
                .find_map(|key| root.get(key).map(|value| (pointer::join(base, key), value)))
        };
        let found = own(root, "").or_else(|| root.get("definition").and_then(|inner| own(inner, "/definition")));
        let Some((at, value)) = found else { return };
        for (at, trigger) in one_or_many(value, &at) {
            if let Some(secret) = trigger.pointer("/verify/secret").and_then(Value::as_str) {
                self.add(Used::HookSecret(secret), pointer::join(&pointer::join(&at, "verify"), "secret"), None);
            }
        }
    }

    fn loads(&mut self, root: &'a Value) {
        let Some((at, context)) = member(root, "context") else { return };
        let at = pointer::join(&at, "load");
        for (index, entry) in entries(context.get("load")).iter().enumerate() {
            let at = pointer::join_index(&at, index);
            match entry {
                Value::String(name) => self.add(Used::Resource(name), at, None),
                Value::Object(_) => {
                    let name = text(entry, "name").unwrap_or_default();
                    let is_optional = entry.get("optional") == Some(&Value::Bool(true));
                    if let Some(service) = text(entry, "service") {
                        self.add(Used::Service(service), pointer::join(&at, "service"), None);
                    }
                    if text(entry, "loader").is_none() {
                        self.add(Used::Loader { name, is_optional }, at, None);
                    }
                }
                _ => {}
            }
        }
    }

    fn body(&mut self, steps: &'a [Value], at: &str, is_ordered: bool) {
        let index = self.bodies.len();
        self.bodies.push(Body::new(is_ordered));
        for (position, step) in steps.iter().enumerate() {
            let at = pointer::join_index(at, position);
            let node = self.node(step, at);
            self.bodies[index].push(node);
        }
    }

    fn node(&mut self, step: &'a Value, at: String) -> Node<'a> {
        let id = text(step, "id").unwrap_or_default();
        let kind = text(step, "type").unwrap_or_default();
        let mut references = Vec::new();
        let mut refer = |key: &'static str, at: String, value: Option<&'a Value>| {
            if let Some(Value::String(target)) = value {
                references.push(Reference { key, target, pointer: at });
            }
        };
        for key in REFERENCE_KEYS {
            refer(key, pointer::join(&at, key), step.get(key));
        }
        let cases = entries(step.get("cases"));
        for (index, case) in cases.iter().enumerate() {
            refer("next", format!("{at}/cases/{index}/next"), case.get("next"));
        }
        if let Some(wait) = step.get("wait") {
            refer("on_timeout", format!("{at}/wait/on_timeout"), wait.get("on_timeout"));
        }

        if let Some(slug) = text(step, "rule_id") {
            self.add(Used::Rule { slug, decides: kind != "set" }, pointer::join(&at, "rule_id"), Some(id));
        }
        for (index, case) in cases.iter().enumerate() {
            if let Some(slug) = text(case, "rule_id") {
                self.add(Used::Rule { slug, decides: true }, format!("{at}/cases/{index}/rule_id"), Some(id));
            }
        }
        if let Some(workflow) = step.get("workflow").and_then(|inner| text(inner, "workflow_id")) {
            let at = format!("{at}/workflow/workflow_id");
            self.add(Used::Workflow(workflow), at, Some(id));
        }
        for (index, action) in entries(step.get("execute")).iter().enumerate() {
            self.action(action, &format!("{at}/execute/{index}"), id);
        }
        self.nested(step, &at);
        Node { id, kind, pointer: at, references }
    }

    fn action(&mut self, action: &'a Value, at: &str, step: &'a str) {
        if let Some(workflow) = text(action, "workflow_id") {
            let at = pointer::join(at, "workflow_id");
            self.add(Used::Workflow(workflow), at, Some(step));
        }
        let is_model = ["type", "action"].into_iter().any(|key| text(action, key) == Some("llm"));
        let keys: &[&str] = if is_model { &["provider"] } else { &["service"] };
        for key in keys {
            // A template names it when the action runs.
            if let Some(service) = text(action, key).filter(|name| !name.contains("{{")) {
                self.add(Used::Service(service), pointer::join(at, key), Some(step));
            }
        }
        for (index, tool) in entries(action.get("tools")).iter().enumerate().filter(|_| is_model) {
            if let Some(workflow) = tool.as_str().filter(|name| !name.contains("{{")) {
                self.add(Used::Workflow(workflow), format!("{at}/tools/{index}"), Some(step));
            }
        }
    }

    fn nested(&mut self, step: &'a Value, at: &str) {
        if let Some(parallel) = step.get("parallel") {
            // Each step is a branch of its own.
            for (index, one) in entries(parallel.get("steps")).iter().enumerate() {
                let at = format!("{at}/parallel/steps/{index}");
                let position = self.bodies.len();
                self.bodies.push(Body::new(true));
                let node = self.node(one, at);
                self.bodies[position].push(node);
            }
            for (index, branch) in entries(parallel.get("branches")).iter().enumerate() {
                let at = format!("{at}/parallel/branches/{index}");
                self.body(entries(Some(branch)), &at, true);
            }
        }
        for key in ["foreach", "while"] {
            if let Some(inner) = step.get(key) {
                self.body(entries(inner.get("steps")), &format!("{at}/{key}/steps"), true);
            }
        }
    }
}

/// A key of the definition, which may stand in the inner `definition` unless the outer has it.
pub(super) fn member<'a>(root: &'a Value, key: &str) -> Option<(String, &'a Value)> {
    let present = |value: &&Value| !value.is_null();
    if let Some(value) = root.get(key).filter(present) {
        return Some((pointer::join("", key), value));
    }
    let value = root.get("definition")?.get(key).filter(present)?;
    Some((pointer::join("/definition", key), value))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn entries(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn one_or_many<'a>(value: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, entry)| (pointer::join_index(at, index), entry)).collect()
        }
        other => vec![(at.to_owned(), other)],
    }
}
