//! Paths that are read, against what provides them (definition-language §4).

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Existence, Finder, Registry, rules};
use crate::definition::reader::Read;
use crate::definition::suggest::nearest;
use crate::definition::{Action, ActionKind, Definition, Step, StepKind, TriggerKind, Wait};
use crate::expr::Template;
use crate::fix::{self, Operation};
use crate::pointer;

/// Roots that are always there, or whose content nobody knows before it runs.
const ALWAYS: &[&str] = &[
    "trigger",
    "data",
    "error",
    "vars",
    "secrets",
    "integrations",
    "now",
    "today",
    "workflow",
    "execution",
    "approval_url",
    "item",
    "_index",
    "_count",
];

/// What the `input` of a webhook trigger reads: the call, and nothing of an execution.
const OF_A_CALL: &[&str] = &["body", "query", "headers", "path", "method", "now", "today"];

const STEP_FIELDS: &[&str] = &["status", "output", "error", "attempts", "branches", "items"];

pub(super) fn check(definition: &Definition, root: &Value, reads: &[Read], known: &dyn Registry, finder: &mut Finder) {
    let mut provided =
        Provided { input: definition.input.as_ref(), looks_left: Cell::new(MOST_LOOKS), ..Provided::default() };
    provided.roots.extend(ALWAYS.iter().map(|root| (*root).to_owned()));
    for load in &definition.context {
        provided.write(load.store_as.as_deref().unwrap_or(&load.name));
    }
    provided.steps(&definition.steps);
    let calls: Vec<String> = definition
        .triggers
        .iter()
        .filter(|trigger| matches!(trigger.kind, TriggerKind::Webhook(_)))
        .map(|trigger| pointer::join(&trigger.pointer, "input"))
        .collect();
    for read in reads {
        let step = read.step.as_deref();
        let is_of_a_call = calls.iter().any(|input| read.pointer.starts_with(input));
        let mut seen = BTreeSet::new();
        for path in read.paths.iter().filter(|path| seen.insert(path.as_str())) {
            let parts = parts(path);
            if let Some((rule, message, hint)) = unknown(&parts, step.is_some(), known) {
                finder.add(rule, provided.place(root, read, path), step, message, hint.map(str::to_owned));
            }
            let fault = if is_of_a_call { call_fault(path, &parts) } else { provided.fault(path, &parts) };
            if let Some(fault) = fault {
                let at = provided.place(root, read, path);
                let fix = fault.meant.and_then(|(part, meant)| respelt(root, &at, path, part, &meant));
                let words = (fault.message, fault.hint);
                finder.add_with(rules::UNKNOWN_PATH, at, step, words, fix.unwrap_or_default());
            }
        }
    }
}

/// What is wrong with a name of the organization that is read.
fn unknown(
    parts: &[&str],
    is_of_step: bool,
    known: &dyn Registry,
) -> Option<(rules::Rule, String, Option<&'static str>)> {
    let (root, name) = match parts {
        [root @ ("secrets" | "vars" | "integrations"), name, ..] => (*root, *name),
        _of_the_execution => return None,
    };
    if root != "secrets" && !is_of_step {
        let message = format!("`{root}.{name}` cannot be read here: it is loaded when the execution begins");
        return Some((rules::UNKNOWN_PATH, message, Some("read it in a step")));
    }
    let (rule, existence, message) = match root {
        "secrets" => (rules::UNKNOWN_SECRET, known.secret_exists(name), format!("there is no secret `{name}`")),
        "vars" => (rules::UNKNOWN_VARIABLE, known.variable_exists(name), format!("there is no variable `{name}`")),
        _integrations => {
            let message = format!("there is no service `{name}`, so `integrations.{name}` is absent");
            (rules::UNKNOWN_PATH, known.service_exists(name), message)
        }
    };
    (existence == Existence::No).then_some((rule, message, None))
}

fn text_with(value: &Value, path: &str, at: String) -> Option<String> {
    match value {
        Value::String(text) => text.contains(path).then_some(at),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .find_map(|(index, entry)| text_with(entry, path, pointer::join_index(&at, index))),
        Value::Object(members) => {
            members.iter().find_map(|(key, member)| text_with(member, path, pointer::join(&at, key)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Writes a part of a path otherwise, in the text where the path stands.
fn respelt(root: &Value, at: &str, path: &str, part: usize, meant: &str) -> Option<Vec<Operation>> {
    let Value::String(text) = root.pointer(at)? else { return None };
    let mut written: Vec<&str> = path.split('.').collect();
    *written.get_mut(part)? = meant;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[');
    // Twice, or within a longer path, it may mean something else.
    let (before, after) = text.split_once(path)?;
    let stands_alone = !before.ends_with(is_name) && !after.starts_with(is_name) && !after.contains(path);
    stands_alone.then(|| fix::replace(at, format!("{before}{}{after}", written.join("."))))
}

/// What is wrong with a path.
struct PathFault {
    message: String,
    hint: Option<String>,
    /// The part that is misspelt, and what it should be.
    meant: Option<(usize, String)>,
}

/// What is wrong with a path that is read out of a call.
fn call_fault(path: &str, parts: &[&str]) -> Option<PathFault> {
    let root = parts.first()?;
    if OF_A_CALL.contains(root) || root.starts_with("now_") {
        return None;
    }
    let near = nearest(root, OF_A_CALL.iter().copied());
    Some(PathFault {
        message: format!("nothing provides `{path}`: the `input` of a webhook trigger reads the call"),
        hint: Some("a call has `body`, `query`, `headers`, `path` and `method`".to_owned()),
        meant: near.map(|near| (0, near.to_owned())),
    })
}

/// The parts of a path, whichever way they are written: `a.b[0]["odd key"]`.
fn parts(path: &str) -> Vec<&str> {
    path.split(['.', '[', ']', '"', '\'']).filter(|part| !part.is_empty()).collect()
}

#[derive(Default)]
struct Provided<'d> {
    /// First parts of what is written or always there.
    roots: BTreeSet<String>,
    step_ids: BTreeSet<&'d str>,
    input: Option<&'d Value>,
    /// An event's payload is merged into the context, and may bring anything.
    is_open: bool,
    /// Texts that may still be looked through, for what was meant and for where a path stands.
    looks_left: Cell<usize>,
}

/// Texts that are looked through in all, so that many misspelt paths in a large definition do not
/// each cost as much as the definition is long.
const MOST_LOOKS: usize = 1_000_000;

impl<'d> Provided<'d> {
    fn write(&mut self, path: &str) {
        self.roots.insert(path.split('.').next().unwrap_or_default().to_owned());
    }

    fn steps(&mut self, steps: &'d [Step]) {
        for step in steps {
            self.step_ids.insert(&step.id);
            if let Some(path) = &step.save_as {
                self.write(path);
            }
            match &step.kind {
                StepKind::Set(values) => self.assignments(values),
                StepKind::Action { execute, .. } | StepKind::Execute { execute } => {
                    self.actions(execute);
                }
                StepKind::Parallel { branches, .. } => {
                    for branch in branches {
                        self.steps(branch);
                    }
                }
                StepKind::Foreach(foreach) => {
                    self.write(&foreach.item_var);
                    self.write(&foreach.index_var);
                    self.steps(&foreach.steps);
                }
                StepKind::While { steps, .. } => self.steps(steps),
                // What an enrichment adds is decided elsewhere.
                StepKind::Wait(Wait::Event { .. }) | StepKind::Enrich { .. } => self.is_open = true,
                StepKind::Wait(Wait::For(_) | Wait::Until(_))
                | StepKind::Condition { .. }
                | StepKind::Switch { .. }
                | StepKind::Approval { .. }
                | StepKind::Workflow { .. }
                | StepKind::Fail { .. }
                | StepKind::End => {}
            }
        }
    }

    fn assignments(&mut self, values: &[(String, Template)]) {
        for (path, _) in values {
            self.write(path);
        }
    }

    fn actions(&mut self, actions: &[Action]) {
        for action in actions {
            if let Some(path) = &action.save_as {
                self.write(path);
            }
            if let ActionKind::Set(values) = &action.kind {
                self.assignments(values);
            }
        }
    }

    /// What is wrong with a path, and what to do.
    fn fault(&self, path: &str, parts: &[&str]) -> Option<PathFault> {
        match parts {
            [] | ["event" | "steps"] => None,
            ["steps", id, rest @ ..] => self.step_fault(id, rest),
            ["event", rest @ ..] => self.payload_fault(path, rest),
            [root, ..] if self.roots.contains(*root) || root.starts_with("now_") => None,
            _ => self.payload_fault(path, parts),
        }
    }

    /// The text in which a path is written, or else what is read as a whole.
    fn place(&self, root: &Value, read: &Read, path: &str) -> String {
        let whole = || read.pointer.clone();
        if !self.may_look(read.paths.len()) {
            return whole();
        }
        root.pointer(&read.pointer).and_then(|value| text_with(value, path, whole())).unwrap_or_else(whole)
    }

    fn may_look(&self, at: usize) -> bool {
        let left = self.looks_left.get().checked_sub(at);
        self.looks_left.set(left.unwrap_or_default());
        left.is_some()
    }

    fn step_fault(&self, id: &str, rest: &[&str]) -> Option<PathFault> {
        if !self.step_ids.contains(id) {
            let near = self.may_look(self.step_ids.len()).then(|| nearest(id, self.step_ids.iter().copied()));
            let near = near.flatten();
            return Some(PathFault {
                message: format!("`steps.{id}` is read, but there is no step `{id}`"),
                hint: near.map(|near| format!("did you mean `{near}`?")),
                meant: near.map(|near| (1, near.to_owned())),
            });
        }
        let field = rest.first().filter(|field| !STEP_FIELDS.contains(*field))?;
        let near = nearest(field, STEP_FIELDS.iter().copied());
        let hint = near
            .map_or_else(|| format!("its output is at `steps.{id}.output`"), |near| format!("did you mean `{near}`?"));
        Some(PathFault {
            message: format!("a step has no `{field}`, which `steps.{id}.{field}` reads"),
            hint: Some(hint),
            meant: near.map(|near| (2, near.to_owned())),
        })
    }

    fn payload_fault(&self, path: &str, parts: &[&str]) -> Option<PathFault> {
        if self.is_open {
            return None;
        }
        let mut schema = self.input?;
        for (index, part) in parts.iter().enumerate() {
            if is_index(part) {
                schema = schema.get("items")?;
                continue;
            }
            if is_open(schema) || *part == "length" {
                return None;
            }
            let properties = schema.get("properties")?.as_object()?;
            let Some(next) = properties.get(*part) else {
                // What is required is there, though nothing is said about what is in it.
                let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                if required.iter().any(|name| name == part) {
                    return None;
                }
                let known = properties.keys().map(String::as_str);
                let written = self.roots.iter().map(String::as_str).filter(|_| index == 0);
                let may_look = self.may_look(properties.len() + self.roots.len());
                let near = may_look.then(|| nearest(part, known.chain(written))).flatten();
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let message = format!(
                    "nothing provides `{path}`: the input schema has no `{part}` there, and no \
                     step or resource writes it"
                );
                // `event.` may stand before the parts that are looked at here.
                let skipped = path.split('.').count().checked_sub(parts.len());
                let meant = near.zip(skipped).map(|(near, skipped)| (skipped + index, near.to_owned()));
                return Some(PathFault { message, hint, meant });
            };
            schema = next;
        }
        None
    }
}

fn is_index(part: &str) -> bool {
    part == "*" || part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a schema allows more than its `properties` list.
fn is_open(schema: &Value) -> bool {
    const OPENING: &[&str] = &[
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "patternProperties",
        "dependentSchemas",
        "unevaluatedProperties",
    ];
    OPENING.iter().any(|key| schema.get(key).is_some())
        || schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false))
}
